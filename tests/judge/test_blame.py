"""The whole suite against every wrong server: the first requirement that it calls broken is."""

from __future__ import annotations

import pytest

import compute_conformance
from tests.conformance.defects import DEFECTS
from tests.conformance.reference import profile


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_the_right_requirement_is_blamed_first(name: str) -> None:
    defect = DEFECTS[name]
    with defect.server() as app:
        report = compute_conformance.run(app, profile(), effort=defect.effort, first_only=True)
    (broken,) = report.broken()
    assert broken.id in defect.breaks
