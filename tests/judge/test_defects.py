"""Every deliberately wrong server is found out by the checks of what it breaks.

That the whole suite blames the right requirement first is tried by ``tox -e judge``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from compute_conformance import Selection
from compute_conformance.requirements import Level, register
from tests.conformance.defects import DEFECTS
from tests.conformance.defects.defect import Kind
from tests.conformance.judging import found_out
from tests.judge.table import ALONE

BROKEN = {key for defect in DEFECTS.values() for key in defect.breaks}
Record = Callable[[str, object], None]


@pytest.mark.parametrize("requirement", sorted({one.breaks[0] for one in DEFECTS.values()}))
def test_who_breaks_it_is_found_out_by_assertions_that_differ(
    requirement: str, record_property: Record
) -> None:
    wrong = [one for one in DEFECTS.values() if one.breaks[0] == requirement]
    findings = {}
    for one in wrong:
        findings[one.id] = found_out(one, Selection(ids=lambda key: key == requirement))
        found = findings[one.id]
        record_property(ALONE, (one.id, found.requirement if found else None))
    assert [name for name, found in findings.items() if found is None] == []
    assert len(set(findings.values())) == len(findings), findings


def test_there_is_a_wrong_server_for_whatever_is_interoperable_or_documented() -> None:
    without = [
        one.id
        for one in register().values()
        if one.level is not Level.ROBUST and one.id not in BROKEN
    ]
    assert without == []


def test_they_break_what_the_register_knows_and_go_wrong_in_many_ways() -> None:
    assert register().keys() >= BROKEN
    kinds = Counter(defect.kind for defect in DEFECTS.values())
    assert kinds[Kind.BEHAVIOUR] + kinds[Kind.SECURITY] >= 80
    assert kinds[Kind.SECURITY] >= 25
    assert sum(defect.calls >= 3 for defect in DEFECTS.values()) >= 20
