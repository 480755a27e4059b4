"""Servers that are different and conform are never called wrong."""

from __future__ import annotations

import pytest

import compute_conformance
from compute_conformance import Selection
from tests.conformance.reference import profile
from tests.conformance.variants import VARIANTS, server
from tests.judge.rightly import SEEDS, Record, judge


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(VARIANTS))
def test_a_server_that_is_only_different_conforms(
    name: str, seed: int, record_property: Record
) -> None:
    selection = Selection(levels=VARIANTS[name].levels)
    with server(name) as app:
        report = compute_conformance.run(app, profile(), selection, seed=seed)
    judge(report, f"variant: {name}", record_property)
