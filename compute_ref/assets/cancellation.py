"""Giving up work on files that nobody waits for any more."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancellation(threading.Event):
    """An event that also wakes those who wait for something else, as in a read from a socket."""

    def __init__(self) -> None:
        super().__init__()
        self._changing = threading.Lock()
        self._wakers: set[Callable[[], None]] = set()

    def set(self) -> None:
        """Cancel the work, and call every waker; twice is fine."""
        super().set()
        with self._changing:
            wakers = tuple(self._wakers)
        for wake in wakers:
            wake()

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Call `wake` once the work is cancelled: now, if it is already."""
        with self._changing:
            self._wakers.add(wake)
        if self.is_set():
            wake()

    def forget(self, wake: Callable[[], None]) -> None:
        """Call `wake` no more."""
        with self._changing:
            self._wakers.discard(wake)
