"""What the suite says of a wrong server: which requirement it calls broken, and where it saw it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import walk_tb
from typing import Final
from unittest import mock

import compute_conformance
from compute_conformance import Selection, checks, exploring, runner
from compute_conformance.bench import Bench
from compute_conformance.checking import Body, Check
from compute_conformance.verdicts import Failed, Verdict
from tests.conformance.defects.defect import Defect
from tests.conformance.reference import profile

CHECKS: Final = Path(checks.__path__[0])
VALUES: Final = re.compile(r"0x[0-9a-fA-F]+|did:op:\w+|[0-9a-f]{31}\w|[0-9]+")


@dataclass(frozen=True)
class Finding:
    """The first requirement that is called broken, and the assertion that fails."""

    requirement: str
    assertion: str  #: the lines of the check that led to it, and its words without values


def found_out(defect: Defect, selection: Selection) -> Finding | None:
    """What is found first of a wrong server; None where it seems to conform."""
    with defect.server() as app, _watched() as assertions, _unshortened():
        report = compute_conformance.run(
            app, profile(), selection, effort=defect.effort, first_only=True
        )
    errors = [one.observed for one in report.outcomes if one.verdict is Verdict.ERROR]
    assert not errors, errors[0]
    broken = report.broken()
    return Finding(broken[0].id, assertions[broken[0].id]) if broken else None


def _unshortened() -> AbstractContextManager[object]:
    """Examples stay about as long as they were found: here nobody reads them."""
    return mock.patch.object(exploring, "SHRINKS", 3)


@contextmanager
def _watched() -> Iterator[dict[str, str]]:
    """Where the check of each requirement failed, as far as runs have come."""
    found: dict[str, str] = {}
    usual = runner.selected

    def selected(selection: Selection) -> Iterable[Check]:
        for one in usual(selection):
            yield replace(one, body=_watching(one, found))

    with mock.patch.object(runner, "selected", selected):
        yield found


def _watching(check: Check, found: dict[str, str]) -> Body:
    """The check's body, which puts on record where it fails."""

    def body(bench: Bench) -> None:
        try:
            check.body(bench)
        except Failed as failed:
            words = VALUES.sub("#", failed.expected)
            found[check.requirement.id] = f"{' '.join(_lines(failed))} {words}"
            raise

    return body


def _lines(failed: Failed) -> Iterator[str]:
    """The lines of the checks' modules on the way to a failure."""
    for frame, line in walk_tb(failed.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.parent == CHECKS:
            yield f"{path.stem}:{line}"
