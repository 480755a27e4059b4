"""What the checks of a run share: a job that ended costs a target's owner minutes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from compute_conformance.verdicts import Ended

if TYPE_CHECKING:
    from compute_conformance.bench import Bench

T = TypeVar("T")


class Shelf:
    """What checks of a run share, each made when it is first asked for, once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self.benches: list[Bench] = []  #: where things were made, to be cleaned

    def take(self, name: str, bench: Bench, make: Callable[[Bench], T]) -> tuple[T, Bench]:
        """The thing of a name and where it was made; Ended, as it was, where it could not be."""
        with self._lock:
            place = self._places.setdefault(name, _Place())
        with place.lock:
            if place.made is None:
                self.benches.append(bench)
                place.made = _made(bench, make), bench
            found, bench = place.made
        if isinstance(found, Ended):
            raise found
        return found, bench

    def has(self, name: str) -> bool:
        """Whether the thing is made."""
        place = self._places.get(name)
        return place is not None and place.made is not None

    def forget(self, name: str) -> None:
        """Let the thing be made anew: it was done to what no target may do."""
        with self._lock:
            self._places.pop(name, None)


class _Place:
    """Where one thing stands. Who asks for it while it is made waits; others do not."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: tuple[Any, Bench] | None = None


def _made(bench: Bench, make: Callable[[Bench], T]) -> T | Ended:
    try:
        return make(bench)
    except Ended as ended:
        return ended
