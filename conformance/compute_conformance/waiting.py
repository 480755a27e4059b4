"""Waiting for a state of a job: it is asked for again and again, ever more seldom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from compute_conformance.budget import Purse
from compute_conformance.verdicts import Late

There = Callable[[Mapping[str, Any]], bool]  #: whether a job is in the state that is waited for
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.5  # seconds between two looks


def asked_until(
    purse: Purse, look: Callable[[], dict[str, Any]], there: There, what: str, seconds: float
) -> dict[str, Any]:
    """The job that `look` sees, once it is `there`; Late where it is not in so many seconds.

    `what` completes "a job …". A wait in vain is kept in the purse, as later ones are shorter.
    """
    pause, end = FIRST_PAUSE, time.monotonic() + seconds
    while True:
        job = look()
        if there(job):
            return job
        if time.monotonic() > end:
            purse.disappoint(what)
            raise Late(f"a job {what} within {seconds:g} seconds", job)
        threading.Event().wait(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
