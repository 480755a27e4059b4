"""Programs: what accounts do one after another. A program is data, so that it can be run again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy

ACCOUNTS: Final = 3
#: what a step may be, in the words of a report, and how often
ACTIONS: Final = {
    "start": 4,
    "start-staying": 3,
    "look": 3,
    "look-signed": 1,
    "look-as-other": 1,
    "wait": 4,
    "stop": 4,
    "stop-all": 1,
    "stop-as-other": 2,
    "delete": 3,
    "delete-all": 1,
    "delete-as-other": 2,
    "restart": 5,
    "restart-as-other": 1,
    "fetch": 4,
    "fetch-as-other": 2,
    "replay": 3,
    "stale": 2,
    "forge": 2,
    "nonce": 2,
}


@dataclass(frozen=True)
class Step:
    """One action of an account; `job` counts the jobs from the one that was touched last."""

    action: str
    account: int
    job: int
    way: int  #: which of several ways

    def __str__(self) -> str:
        return f"{self.action} (account {self.account}, job {self.job}, way {self.way})"


@dataclass(frozen=True)
class Program:
    """Steps in their order."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"the program: {'; '.join(map(str, self.steps))}"


def programs(steps: int) -> SearchStrategy[Program]:
    """Any program of up to so many steps, and seldom of few."""
    actions = [action for action, weight in ACTIONS.items() for _ in range(weight)]
    step = some.builds(
        Step,
        action=some.sampled_from(actions),
        account=some.integers(0, ACCOUNTS - 1),
        job=some.sampled_from((0, 0, 0, 0, 1, 1, 2, 3)),
        way=some.integers(0, 3),
    )
    least = some.tuples(some.integers(0, steps), some.integers(0, steps)).map(max)
    several = least.flatmap(lambda n: some.lists(step, min_size=n, max_size=steps))
    return several.map(lambda all_of: Program(tuple(all_of)))
