"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from compute_ref.clock import Clock, boot_id
from compute_ref.jobs.model import Moment


class MovedClock(Clock):
    """Time as a test says; who waits for a moment wakes when the test has moved past it.

    `now` is Unix seconds; the boot clock begins at 0.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._start = now
        self._ticks = 0.0
        self._sleepers: Counter[threading.Condition] = Counter()

    def now(self) -> float:
        """Unix seconds: where the clock began, and what it was moved since."""
        return self._start + self._ticks

    def ticks(self) -> float:
        """Seconds that the clock was moved in all."""
        return self._ticks

    def moment(self) -> Moment:
        """Now, as a value that can be stored."""
        return Moment(self.now(), boot_id(), self._ticks)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once and wake everyone whose time has come."""
        with self._lock:
            self._ticks += seconds
            sleepers = list(self._sleepers)
        for condition in sleepers:
            with condition:
                condition.notify_all()

    def jump(self, seconds: float) -> None:
        """Set the wall clock by so many seconds, ahead or back; no time passes."""
        self._start += seconds

    def wait_for(
        self, condition: threading.Condition, ready: Callable[[], bool], until: float | None
    ) -> bool:
        """Sleep on the held `condition` until `ready()` or until the clock is moved to `until`."""
        self._count(condition, 1)
        try:
            return self._sleep(condition, ready, until)
        finally:
            self._count(condition, -1)

    def _sleep(
        self, condition: threading.Condition, ready: Callable[[], bool], until: float | None
    ) -> bool:
        while not ready():
            if until is not None and self.ticks() >= until:
                return False
            condition.wait()
        return True

    def _count(self, condition: threading.Condition, step: int) -> None:
        with self._lock:
            self._sleepers[condition] += step
            if not self._sleepers[condition]:
                del self._sleepers[condition]
