"""The table of what the suite made of servers that are wrong, and of those that are not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from compute_conformance.requirements import Level, register
from tests.conformance.defects import DEFECTS
from tests.conformance.defects.defect import Kind

ALONE: Final = "found out by the checks of what they break"
WHOLE: Final = "found out by the whole suite"
CONFORMS: Final = "conforms"
Blamed = Mapping[str, str | None]  #: by wrong server: what was called broken first


def table(told: Iterable[tuple[str, Any]]) -> str:
    """In Markdown. `told` has a wrong server and what was blamed, or a right one and what was."""
    pairs = list(told)
    parts = [
        _wrong(title, dict(value for name, value in pairs if name == title))
        for title in (ALONE, WHOLE)
    ]
    parts.append(_right([value for name, value in pairs if name == CONFORMS]))
    return "\n".join(part for part in parts if part)


def _wrong(title: str, blamed: Blamed) -> str:
    """By level and by kind of what is wrong, and those that were not blamed rightly."""
    if not blamed:
        return ""
    rows = [_row("all", blamed, blamed)]
    rows += [_row(level, [n for n in blamed if _level(n) is level], blamed) for level in Level]
    rows += [_row(kind, [n for n in blamed if DEFECTS[n].kind is kind], blamed) for kind in Kind]
    astray = [
        f"- {name} breaks {DEFECTS[name].breaks[0]}, blamed is {blamed[name]}"
        for name in sorted(blamed)
        if not _rightly(name, blamed)
    ]
    head = (f"| wrong servers | all | {title} | blamed first |", "|---|---|---|---|")
    return "\n".join([*head, *rows, "", *astray]) + "\n"


def _row(title: str, names: Collection[str], blamed: Blamed) -> str:
    found = sum(blamed[name] is not None for name in names)
    right = sum(_rightly(name, blamed) for name in names)
    return f"| {title} | {len(names)} | {_share(found, names)} | {_share(right, names)} |"


def _share(part: int, names: Collection[str]) -> str:
    return f"{part} ({part / len(names):.1%})" if names else "0"


def _level(name: str) -> Level:
    return register()[DEFECTS[name].breaks[0]].level


def _rightly(name: str, blamed: Blamed) -> bool:
    return blamed[name] in DEFECTS[name].breaks


def _right(runs: Collection[tuple[str, list[str]]]) -> str:
    """By server that conforms: how often it was judged, and how often called wrong."""
    if not runs:
        return ""
    rows = []
    for server in dict.fromkeys(name for name, _ in runs):
        its = [broken for name, broken in runs if name == server]
        rows.append(f"| {server} | {len(its)} | {sum(map(bool, its))} |")
    head = ("| servers that conform | runs | of them called wrong |", "|---|---|---|")
    return "\n".join([*head, *rows]) + "\n"
