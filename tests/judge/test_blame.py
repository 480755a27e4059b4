"""The whole suite against every wrong server: the first requirement that it calls broken is.

The table of what came of it is kept as ``reports/judge.md``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from compute_conformance.requirements import register
from compute_conformance.runner import EVERYTHING
from tests.conformance.defects import DEFECTS
from tests.conformance.judging import found_out
from tests.judge.table import table

REPORTS: Final = Path(__file__).parents[2] / "reports"
LEAST: Final = 0.9  #: of all wrong servers


@pytest.fixture(scope="module")
def blamed() -> Iterator[dict[str, str | None]]:
    """The requirement that was blamed for each wrong server; None for none."""
    found: dict[str, str | None] = {}
    yield found
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / "judge.md").write_text(table(found), encoding="utf-8")


@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_a_wrong_server_is_found_out(name: str, blamed: dict[str, str | None]) -> None:
    finding = found_out(DEFECTS[name], EVERYTHING)
    blamed[name] = finding.requirement if finding else None
    assert finding


def test_the_right_requirement_is_mostly_blamed_first(blamed: dict[str, str | None]) -> None:
    wrongly = {name: key for name, key in blamed.items() if key not in DEFECTS[name].breaks}
    assert len(wrongly) <= (1 - LEAST) * len(blamed), wrongly
    assert set(blamed.values()) - {None} <= register().keys()
