"""Servers that are different and conform are never called wrong."""

from __future__ import annotations

import pytest

import compute_conformance
from compute_conformance import Selection
from compute_conformance.verdicts import Verdict
from tests.conformance.reference import profile
from tests.conformance.variants import VARIANTS, server


@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_server_that_is_only_different_conforms(name: str) -> None:
    with server(name) as app:
        selection = Selection(levels=VARIANTS[name].levels)
        report = compute_conformance.run(app, profile(), selection)
    wrong = {
        outcome.check.requirement.id: (outcome.expected, outcome.observed)
        for outcome in report.outcomes
        if outcome.verdict in {Verdict.FAIL, Verdict.ERROR}
    }
    assert wrong == {}
    assert (report.wiring, report.exit_code) == ("", 0)
