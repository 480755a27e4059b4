"""Servers that are different and conform are never called wrong.

Each is judged ``JUDGE_SEEDS`` times, 2 unless told; ``tox -e judge`` does so 25 times.
"""

from __future__ import annotations

import os
from typing import Final

import pytest

import compute_conformance
from compute_conformance import Selection
from compute_conformance.verdicts import Verdict
from tests.conformance.reference import profile
from tests.conformance.variants import VARIANTS, server

SEEDS: Final = range(int(os.environ.get("JUDGE_SEEDS", "2")))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_server_that_is_only_different_conforms(name: str, seed: int) -> None:
    selection = Selection(levels=VARIANTS[name].levels)
    with server(name) as app:
        report = compute_conformance.run(app, profile(), selection, seed=seed)
    wrong = {
        outcome.check.requirement.id: (outcome.expected, outcome.observed)
        for outcome in report.outcomes
        if outcome.verdict in {Verdict.FAIL, Verdict.ERROR}
    }
    assert wrong == {}
    assert (report.wiring, report.exit_code) == ("", 0)
