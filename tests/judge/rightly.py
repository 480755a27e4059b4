"""Servers that conform, judged by several seeds: 2, or as many as ``JUDGE_SEEDS`` says."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from compute_conformance.outcomes import Report
from compute_conformance.verdicts import Verdict
from tests.judge.table import CONFORMS

SEEDS: Final = range(int(os.environ.get("JUDGE_SEEDS", "2")))
WRONG: Final = frozenset({Verdict.FAIL, Verdict.ERROR})
Record = Callable[[str, object], None]


def judge(report: Report, server: str, record: Record, *wrong: Verdict) -> None:
    """Put on record what is called wrong, and hold the suite to nothing of the kind."""
    found = {
        outcome.check.requirement.id: (outcome.verdict, outcome.expected, outcome.observed)
        for outcome in report.outcomes
        if outcome.verdict in WRONG.union(wrong)
    }
    record(CONFORMS, (server, sorted(found)))
    assert found == {}
    assert (report.wiring, report.cut, report.exit_code) == ("", "", 0)
