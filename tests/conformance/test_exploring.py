"""What is made up: by the seed, made small, tried anew, within the budget, and with no trace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final
from unittest import mock

import pytest
from hypothesis import strategies as some

import compute_conformance
from compute_conformance import Effort, Selection, Verdict
from compute_conformance.bench import Bench
from compute_conformance.budget import Purse
from compute_conformance.chance import DOSES, Chance
from compute_conformance.exchanges import Answer, Request
from compute_conformance.exploring import explore, traceless
from compute_conformance.profile import Budget, Profile
from compute_conformance.verdicts import Failed, Inconclusive, expect
from tests.conformance.reference import profile, reference

FEW: Final = ("CE-FUZZ-JSON", "CE-FUZZ-NONCE-ORDER", "CE-FUZZ-LIST", "CE-MODEL-KEPT")


class Nobody:
    """A stand-in for a target: it answers everything with 200 and keeps what it was asked."""

    name = "nobody"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def send(self, request: Request) -> Answer:
        self.asked.append(request.target)
        return Answer(request, 200, {}, b"[]")


def bench(target: Nobody, chance: Chance | None = None, budget: Budget | None = None) -> Bench:
    chance = chance or Chance(7, Effort.FULL)
    purse = Purse(budget or Budget(), chance.dose)
    return Bench(target, Profile(), purse, chance=chance, name="sample")


def numbers_asked(chance: Chance) -> list[str]:
    """What a search asks of a target that never fails."""
    target = Nobody()
    with traceless():
        explore(bench(target, chance), some.integers(0, 10**9), _ask)
    return target.asked


def _ask(own: Bench, number: int) -> None:
    own.get(f"/{number}")


def test_a_seed_chooses_the_same_again_and_another_one_others() -> None:
    first, again, other = (numbers_asked(Chance(seed, Effort.FULL)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(first) == DOSES[Effort.FULL].examples


def test_accounts_are_of_the_seed_the_run_and_the_check() -> None:
    chance = Chance(1, salt="a run")
    address = chance.account("a check", 0).address
    assert address == Chance(1, salt="a run").account("a check", 0).address
    others = [
        chance.account("a check", 1),
        chance.account("another check", 0),
        Chance(2, salt="a run").account("a check", 0),
        Chance(1).account("a check", 0),
    ]
    assert address not in {one.address for one in others}
    assert len({one.address for one in others}) == len(others)


def test_a_failure_is_made_small_and_is_all_that_is_on_record() -> None:
    def trial(own: Bench, number: int) -> None:
        own.get(f"/{number}")
        expect(number < 1_000, "a small number")

    found = bench(Nobody())
    with traceless(), pytest.raises(Failed, match="a small number, for 1000"):
        explore(found, some.integers(0, 10**9), trial)
    assert [request.path for request, _ in found.transcript] == ["/1000"]


@pytest.mark.parametrize("seed", range(2))
def test_first_examples_are_tried_by_every_seed_and_told_as_they_are(seed: int) -> None:
    def trial(own: Bench, number: int) -> None:
        own.get(f"/{number}")
        expect(number < 1_000, "a small number")

    target = Nobody()
    with traceless(), pytest.raises(Failed, match="a small number, for 2000"):
        explore(bench(target, Chance(seed)), some.integers(0, 9), trial, first=(7, 2_000, 3_000))
    assert target.asked == ["/7", "/2000", "/2000"]


def test_first_examples_are_tried_however_slow_the_target_is() -> None:
    target = Nobody()
    slow = replace(DOSES[Effort.QUICK], seconds=-1)
    with traceless(), mock.patch.dict(DOSES, {Effort.QUICK: slow}):
        explore(bench(target, Chance()), some.integers(0, 9), _ask, first=(100, 200))
    assert target.asked == ["/100", "/200"]


def test_a_failure_that_does_not_repeat_itself_is_none() -> None:
    seen: list[int] = []

    def trial(own: Bench, number: int) -> None:
        seen.append(number)
        expect(len(seen) != 5, "a failure of the fifth try")

    with traceless(), pytest.raises(Inconclusive, match="repeats itself"):
        explore(bench(Nobody()), some.integers(0, 10**9), trial)


def test_nothing_is_sent_beyond_the_budget() -> None:
    with reference() as app:
        granted = profile(budget={"jobs": 7})
        selection = Selection(ids=lambda key: key.startswith("CE-MODEL-"))
        report = compute_conformance.run(app, granted, selection, effort=Effort.FULL)
        kept = {outcome.verdict for outcome in report.outcomes}
    started = {
        job["jobId"]
        for outcome in report.outcomes
        for request, answer in outcome.transcript
        if request.method == "POST" and answer.status == 200
        for job in answer.jobs()
    }
    assert kept == {Verdict.INCONCLUSIVE}
    assert len(started) <= 7


def test_nothing_is_written_where_a_run_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with traceless():
        explore(bench(Nobody()), some.text(), lambda own, text: None)
    assert [*tmp_path.iterdir()] == []


def test_the_same_seed_repeats_all_verdicts() -> None:
    selection = Selection(ids=lambda key: key in FEW)
    found = []
    for _ in range(2):
        with reference() as app:
            report = compute_conformance.run(app, profile(), selection, seed=3)
            found.append((report.verdicts(), report.seed, report.effort))
    assert found[0] == found[1]
    assert set(found[0][0].values()) == {Verdict.PASS}
