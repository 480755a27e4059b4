"""Holding a running container to the limits that the daemon does not hold it to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compute_ref.plugins import BackendUnavailable, Exit, ExitReason
from compute_ref.plugins.disk import bytes_below
from compute_ref_docker.endings import STORAGE, TIMEOUT

logger = logging.getLogger("compute_ref.docker")

SAMPLE: Final = 0.25  # seconds between two looks at the outputs: the only sampling
SPARE: Final = 4  # of the time, looks may take one part in so many
GRACE: Final = 5.0  # seconds between TERM and KILL at the time limit
FULL: Final = Exit(None, ExitReason.STORAGE, STORAGE)
LATE: Final = Exit(None, ExitReason.TIMEOUT, TIMEOUT)

End = Callable[[Exit, float], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run has left: real `seconds`, and bytes of `disk` in `outputs`; None is any."""

    seconds: float | None
    disk: int | None
    outputs: Path


class Keeper(threading.Thread):
    """Looks until `over`, and ends the run by `end(why, grace)` where it exceeds its bounds."""

    def __init__(self, bounds: Bounds, over: threading.Event, end: End) -> None:
        super().__init__(name="keeper", daemon=True)
        self._bounds = bounds
        self._over = over
        self._end = end

    def run(self) -> None:
        """Keep; where the daemon is away this ends, for another keeper once it is back."""
        try:
            self._keep()
        except BackendUnavailable as away:
            logger.warning("a run could not be ended: %s", away)

    def _keep(self) -> None:
        left, disk = self._bounds.seconds, self._bounds.disk
        until = None if left is None else time.monotonic() + left
        pause = None if disk is None else 0.0
        while not self._over.wait(_sooner(until, pause)):
            if until is not None and time.monotonic() >= until:
                self._end(LATE, GRACE)
                return
            if disk is not None:
                began = time.monotonic()
                if bytes_below(self._bounds.outputs, disk) > disk:
                    self._end(FULL, 0)
                    return
                pause = max(SAMPLE, SPARE * (time.monotonic() - began))


def _sooner(until: float | None, pause: float | None) -> float | None:
    left = None if until is None else max(0.0, until - time.monotonic())
    return min((wait for wait in (left, pause) if wait is not None), default=None)
