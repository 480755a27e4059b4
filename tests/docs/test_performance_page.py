"""The page of figures has every group that is measured, and a reason for what is missed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import GROUPS
from benchmarks.report import HEAD

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "performance.md").read_text(encoding="utf-8")
ROWS = PAGE.partition(HEAD)[2].partition("\n\n")[0].strip().splitlines()
MISSED = [row.split(" | ")[0].removeprefix("| ") for row in ROWS if row.endswith("| **no** |")]
REASONS = re.findall(
    r"^\| ([^|]+) \| [^|]+\.", PAGE.partition("### Why a goal is missed")[2], re.MULTILINE
)


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_is_told(group: str) -> None:
    assert f"| `{group}` |" in PAGE


@pytest.mark.parametrize("row", ROWS)
def test_every_row_is_one_of_the_report(row: str) -> None:
    assert row.count(" |") == HEAD.splitlines()[0].count(" |")
    assert row.endswith(("| yes |", "| **no** |"))


@pytest.mark.parametrize("name", MISSED)
def test_every_goal_that_is_missed_has_a_reason(name: str) -> None:
    assert any(name.startswith(reason) for reason in REASONS)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?://)([^)#]+)", PAGE))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (DOCS / link).is_file()
