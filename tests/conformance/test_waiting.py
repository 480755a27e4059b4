"""When a job is looked at for the first time."""

from __future__ import annotations

from compute_conformance.budget import Purse
from compute_conformance.chance import Chance
from compute_conformance.profile import Budget


def test_jobs_that_get_quicker_are_looked_at_sooner() -> None:
    purse, looks = Purse(Budget(), Chance().dose), [8.0]
    for _ in range(3):
        purse.seen("to end", looks[-1])
        looks.append(purse.soonest("to end"))
    assert looks == sorted(set(looks), reverse=True)


def test_one_slow_job_keeps_nobody_waiting() -> None:
    purse = Purse(Budget(), Chance().dose)
    for seconds in (1.0, 8.0):
        purse.seen("to end", seconds)
    assert 0 < purse.soonest("to end") < 1
    assert purse.soonest("to run") == 0
