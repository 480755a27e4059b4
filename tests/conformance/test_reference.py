"""The reference server keeps every requirement."""

from __future__ import annotations

import pytest

import compute_conformance
from compute_conformance.outcomes import Outcome
from compute_conformance.verdicts import Verdict
from tests.conformance.reference import profile, reference


def needs_a_wire(outcome: Outcome) -> bool:
    """Whether a check sends bytes, which tests/conformance/test_wire.py lets it do."""
    raw = outcome.check.requirement.id.startswith("CE-HTTP-RAW-")
    return raw and outcome.verdict is Verdict.DISABLED


@pytest.mark.parametrize("seed", range(2))
def test_it_conforms_in_this_process(seed: int) -> None:
    with reference() as app:
        report = compute_conformance.run(app, profile(), seed=seed)
    found = {
        outcome.check.requirement.id: (outcome.verdict, outcome.expected, outcome.observed)
        for outcome in report.outcomes
        if outcome.verdict is not Verdict.PASS and not needs_a_wire(outcome)
    }
    assert found == {}
    assert report.leftovers == []
    assert report.exit_code == 0
