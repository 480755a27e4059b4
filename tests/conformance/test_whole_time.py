"""Nobody is called wrong for being slow: what has to come has its whole time, and a place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import pytest

import compute_conformance
from compute_conformance.bench import Bench
from compute_conformance.budget import Purse
from compute_conformance.chance import Chance
from compute_conformance.checking import all_checks
from compute_conformance.consumers import COMPUTE
from compute_conformance.exchanges import Answer, Request
from compute_conformance.model.actor import Actor
from compute_conformance.model.histories import history
from compute_conformance.model.programs import ACCOUNTS, Program
from compute_conformance.runner import Selection
from compute_conformance.stage import Stage
from compute_conformance.targets import InProcess
from compute_conformance.verdicts import Failed, Inconclusive, Verdict
from tests.conformance.reference import profile, reference
from tests.conformance.test_stage import places

LOOKS: Final = 12  #: more than a wait has after one in vain, and fewer than a whole one
NEVER: Final = 1_000_000  #: looks
WAITS: Final = ("to end", "to end after a stop")


class Slow:
    """The reference; its first looks at jobs that have ended show that they run."""

    name = "slow"

    def __init__(self, target: InProcess, looks: int) -> None:
        self._target, self._looks = target, looks

    def send(self, request: Request) -> Answer:
        answer = self._target.send(request)
        if (request.method, request.path) != ("GET", COMPUTE) or not self._looks:
            return answer
        self._looks -= any(job["dateFinished"] for job in answer.jobs())
        shown = [{**job, "status": 40, "dateFinished": None} for job in answer.jobs()]
        return replace(answer, body=json.dumps(shown).encode())


@contextmanager
def disappointed(looks: int = LOOKS, finish: float = 10) -> Iterator[Bench]:
    """A bench at a slow server of four places, in a run that has waited in vain."""
    with reference() as app:
        granted = profile(limits={"start": 10, "finish": finish, "stop": finish})
        purse = Purse(granted.budget, Chance().dose)
        for what in WAITS:
            purse.disappoint(what)
        yield Bench(Slow(InProcess(app), looks), granted, purse, stage=Stage(4))


def judged(requirement: str) -> Callable[[Bench], None]:
    """Its check."""
    return all_checks()[requirement][0].body


def told(*steps: str) -> Callable[[Bench], None]:
    """A program of the model."""
    return lambda bench: Actor(bench, frozenset(), restarts=True).run(history(*steps))


DUE: Final = {
    "CE-LIFE-ENDS": judged("CE-LIFE-ENDS"),
    "CE-LIFE-FAILED-ENDS": judged("CE-LIFE-FAILED-ENDS"),
    "CE-STOP-EARLY": judged("CE-STOP-EARLY"),
    "CE-MODEL-ENDS": told("start", "wait"),
    "CE-MODEL-STOPPED": told("start", "stop", "wait"),
}


@pytest.mark.parametrize("requirement", DUE)
def test_after_a_wait_in_vain_others_still_have_their_whole_time(requirement: str) -> None:
    with disappointed() as bench:
        DUE[requirement](bench)


@pytest.mark.parametrize("requirement", DUE)
def test_what_never_comes_is_missed(requirement: str) -> None:
    with disappointed(NEVER, finish=0.3) as bench, pytest.raises(Failed, match="within 0.3 s"):
        DUE[requirement](bench)


@pytest.mark.parametrize("requirement", DUE)
def test_a_wait_that_is_cut_short_blames_nobody(requirement: str) -> None:
    with disappointed(NEVER) as bench:
        usual = bench.target.send

        def send(request: Request) -> Answer:
            if request.method == "GET":
                bench.purse.close("The run was interrupted.")
            return usual(request)

        bench.target.send = send  # type: ignore[method-assign]
        with pytest.raises(Inconclusive, match="interrupted"):
            DUE[requirement](bench)


@pytest.mark.parametrize(
    "steps",
    [
        ("start-staying",) * 4,
        ("start-staying", "stop", "wait", *("start-staying",) * 3, "restart 3"),
    ],
    ids=["started", "run again"],
)
def test_the_model_leaves_a_place_for_jobs_that_have_to_end(steps: tuple[str, ...]) -> None:
    program = history(*steps, "start", "wait")
    shared = [replace(step, account=at % ACCOUNTS) for at, step in enumerate(program.steps)]
    with disappointed(0, finish=1) as bench:
        actor = Actor(bench, frozenset(), restarts=True)
        actor.run(Program(tuple(shared)))
        assert sum(one.runs_on for one in actor.model.jobs) == 3
        assert actor.model.jobs[-1].ended


def test_on_a_target_with_one_place_nothing_stays() -> None:
    asked = Selection(ids=["CE-MODEL-ENDS", "CE-MODEL-RUNS-ON"].__contains__)
    with reference(places(1)) as app:
        report = compute_conformance.run(app, profile(), asked)
    assert report.verdicts() == {
        "CE-MODEL-ENDS": Verdict.PASS,
        "CE-MODEL-RUNS-ON": Verdict.DISABLED,
    }
