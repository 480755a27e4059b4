"""A figure: our time or rate beside its floor's, taken in turn, and the goal it is held to."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

Sample = Callable[[], float]
ROUNDS: Final = 5


@dataclass(frozen=True)
class Series:
    """One quantity, measured several times."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest."""
        return min(self.values), max(self.values)


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    `ours` and `floor` are medians of `unit`, measured in turn in one run, and `beside` says what
    the floor is, "" where there is none; `spread` has the smallest and the largest of ours.
    `result` is what is compared with the goal: mostly the ratio of the two. `met` says whether
    the goal holds here.
    """

    name: str
    goal: str
    unit: str
    beside: str
    ours: float
    floor: float
    result: float
    met: bool
    spread: tuple[float, float]
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def in_turn(ours: Sample, floor: Sample, rounds: int = ROUNDS) -> tuple[Series, Series]:
    """Both measured so many times, one after the other, after one round that does not count."""
    ours(), floor()
    pairs = [(ours(), floor()) for _ in range(rounds)]
    return Series([one for one, _ in pairs]), Series([other for _, other in pairs])


def seconds(function: Callable[[], object]) -> float:
    """How long a call takes."""
    since = time.perf_counter()
    function()
    return time.perf_counter() - since


def ratio(
    name: str, unit: str, beside: str, ours: Series, floor: Series, least: float, **more: Any
) -> Figure:
    """A figure whose goal is at least so much of the floor."""
    found = ours.median / floor.median
    return Figure(
        name,
        f"≥ {least} of the floor",
        unit,
        beside,
        ours.median,
        floor.median,
        found,
        found >= least,
        ours.spread,
        more,
    )


def within(name: str, beside: str, ours: Series, floor: Series, most: float, goal: str) -> Figure:
    """A figure whose goal is at most so many milliseconds over the floor."""
    over = 1000 * (ours.median - floor.median)
    low, high = ours.spread
    return Figure(
        name,
        goal,
        "ms",
        beside,
        1000 * ours.median,
        1000 * floor.median,
        over,
        over <= most,
        (1000 * low, 1000 * high),
    )


def bounded(name: str, unit: str, beside: str, ours: Series, floor: float, most: float) -> Figure:
    """A figure whose goal is at most so much, whatever the floor."""
    found = ours.median
    goal = f"≤ {most:g} {unit}"
    return Figure(name, goal, unit, beside, found, floor, found, found <= most, ours.spread)
