"""Every deliberately wrong server is found out by the checks of what it breaks.

Where those see nothing when they are alone, the whole suite has to. That it always blames the right
requirement first is tried by ``tox -e judge``.
"""

from __future__ import annotations

from collections import Counter

import pytest

from compute_conformance import Selection
from compute_conformance.requirements import Level, register
from compute_conformance.runner import EVERYTHING
from tests.conformance.defects import DEFECTS
from tests.conformance.defects.defect import Kind
from tests.conformance.judging import Finding, found_out

FOUND: dict[Finding, str] = {}


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_a_wrong_server_is_found_out(name: str) -> None:
    defect = DEFECTS[name]
    own = Selection(ids=lambda key: key in defect.breaks)
    finding = found_out(defect, own) or found_out(defect, EVERYTHING)
    assert finding, f"{name} conforms, it seems"
    assert finding.requirement in defect.breaks
    assert FOUND.setdefault(finding, name) == name, "the same assertion finds both out"


def test_there_is_a_wrong_server_for_whatever_is_interoperable_or_documented() -> None:
    broken = {key for defect in DEFECTS.values() for key in defect.breaks}
    without = [
        one.id
        for one in register().values()
        if one.level is not Level.ROBUST and one.id not in broken
    ]
    assert without == []


def test_they_break_what_the_register_knows_and_go_wrong_in_many_ways() -> None:
    assert {key for defect in DEFECTS.values() for key in defect.breaks} <= register().keys()
    kinds = Counter(defect.kind for defect in DEFECTS.values())
    assert kinds[Kind.BEHAVIOUR] + kinds[Kind.SECURITY] >= 80
    assert kinds[Kind.SECURITY] >= 25
    assert sum(defect.calls >= 3 for defect in DEFECTS.values()) >= 20
