"""Calls that may take seconds never hold more than half of the threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from compute_ref.refusals import ServerBusy


class SlowCalls:
    """A number of places for slow calls; one too many is told to come again."""

    def __init__(self, threads: int) -> None:
        self._places = threading.BoundedSemaphore(max(1, threads // 2))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place, or raise ServerBusy."""
        if not self._places.acquire(blocking=False):
            raise ServerBusy("The server is busy with slow calls. Try again in a few seconds.", 2)
        try:
            yield
        finally:
            self._places.release()
