"""Waits that take no time: what a worker waits for is there at once, or its deadline is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from compute_ref.testing.clock import MovedClock

TITLES = {
    *("name", "find", "launch", "wait", "stop", "remove", "provisioning"),
    *("collecting the outputs", "filtering the results", "storing the results"),
    *("publishing the results", "storing the logs"),
}


class Waited(MovedClock):
    """Whoever waits wakes as soon as what it waits for is there, or else at its deadline."""

    def wait_for(
        self, condition: threading.Condition, ready: Callable[[], bool], until: float | None
    ) -> bool:
        assert until is not None
        if not ready():
            self.advance(until - self.ticks())
        return bool(ready())


class Lasting:
    """A call that comes back once it has lasted `seconds`, on the thread that waits for it."""

    def __init__(self, clock: MovedClock, function: Callable[[], Any], seconds: float) -> None:
        self._clock, self._function = clock, function
        self._back = clock.ticks() + seconds

    @property
    def done(self) -> bool:
        return self._clock.ticks() >= self._back

    def result(self) -> Any:
        return self._function()


def begun(
    clock: MovedClock, seconds: Mapping[str, float], title: str, function: Callable[[], Any]
) -> Lasting:
    """A call in place of a turn's own, which lasts as long as is said of its title, or no time."""
    assert title in TITLES
    return Lasting(clock, function, seconds.get(title, 0))
