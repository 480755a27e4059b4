"""The table of what the suite made of the wrong servers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from compute_conformance.requirements import Level, register
from tests.conformance.defects import DEFECTS
from tests.conformance.defects.defect import Kind

HEAD: Final = ("| wrong servers | all | found out | blamed first |", "|---|---|---|---|")


def table(blamed: Mapping[str, str | None]) -> str:
    """In Markdown: by level and by kind of what is wrong, and those that were not blamed rightly.

    `blamed` has the requirement that was called broken first, by the wrong server's id.
    """
    rows = [_row("all", blamed, blamed)]
    rows += [_row(level, [n for n in blamed if _level(n) is level], blamed) for level in Level]
    rows += [_row(kind, [n for n in blamed if DEFECTS[n].kind is kind], blamed) for kind in Kind]
    astray = [
        f"- {name} breaks {DEFECTS[name].breaks[0]}, blamed is {blamed[name]}"
        for name in sorted(blamed)
        if not _right(name, blamed)
    ]
    return "\n".join([*HEAD, *rows, "", *astray]) + "\n"


def _row(title: str, names: Collection[str], blamed: Mapping[str, str | None]) -> str:
    found = sum(blamed[name] is not None for name in names)
    right = sum(_right(name, blamed) for name in names)
    return f"| {title} | {len(names)} | {_share(found, names)} | {_share(right, names)} |"


def _share(part: int, names: Collection[str]) -> str:
    return f"{part} ({part / len(names):.1%})" if names else "0"


def _level(name: str) -> Level:
    return register()[DEFECTS[name].breaks[0]].level


def _right(name: str, blamed: Mapping[str, str | None]) -> bool:
    return blamed[name] in DEFECTS[name].breaks
