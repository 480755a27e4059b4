"""Makes one table of what the judge's tests record, in however many processes they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from tests.conformance.conftest import live
from tests.judge.table import table

__all__ = ["live"]
REPORTS: Final = Path(__file__).parents[2] / "reports"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and keep it as ``reports/judge.md``."""
    told = [pair for one in _calls(terminalreporter) for pair in one.user_properties]
    if told:
        REPORTS.mkdir(exist_ok=True)
        (REPORTS / "judge.md").write_text(table(told), encoding="utf-8")
        terminalreporter.write(f"\n{table(told)}")


def _calls(reporter: pytest.TerminalReporter) -> list[Any]:
    """The reports of all tests that were run."""
    every = [one for reports in reporter.stats.values() for one in reports]
    return [one for one in every if getattr(one, "when", "") == "call"]
