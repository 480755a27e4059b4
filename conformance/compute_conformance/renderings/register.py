"""The register as a page that people read: REQUIREMENTS.md is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from compute_conformance.checking import all_checks
from compute_conformance.ledger import Reading, ledger
from compute_conformance.requirements import Level, Requirement, register

HEAD: Final = """\
# Requirements

Made by `compute-conformance requirements` from the register; change that, not this page. L0 needs
no job, L1 a dataset and an algorithm that may meet, L2 an algorithm that does what it is told, L3
many calls at once. A lock marks what protects the rights or the data of users.
"""


def requirements() -> str:
    """Every requirement with its checks, and the contested points."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield HEAD
    yield from _counts()
    for capability, found in groupby(register().values(), lambda one: one.capability):
        yield from ("", f"## {capability}", "", "| id | requirement | level | source | checks |")
        yield "|---|---|---|---|---|"
        yield from map(_row, found)
    yield from ("", "## Contested points", "")
    for reading in ledger().values():
        yield from _reading(reading)


def _counts() -> Iterator[str]:
    every = register().values()
    yield f"There are {len(every)}:"
    yield ""
    for level in Level:
        found = [one for one in every if one.level is level]
        security = sum(one.security for one in found)
        yield f"- {len(found)} *{level}*, {security} of them for security"


def _row(one: Requirement) -> str:
    lock = " 🔒" if one.security else ""
    contested = f" [{one.reading}](#{one.reading.lower()})" if one.reading else ""
    checks = ", ".join(f"`{check.name}`" for check in all_checks()[one.id])
    sentence = one.sentence.replace("|", "\\|")
    source = f"{one.tier}, L{one.access:d}"
    return f"| `{one.id}`{lock} | {sentence}{contested} | {one.level} | {source} | {checks} |"


def _reading(reading: Reading) -> Iterator[str]:
    yield from (f"### {reading.id}", "", reading.point, "")
    yield from (f"- {evidence}" for evidence in reading.evidence)
    yield from ("", f"Elected: {reading.elected}")
    yield from (f"Also read as: {other}" for other in reading.others)
    yield ""
