"""Markdown, for a comment on a change or a page of documentation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from compute_conformance.verdicts import Verdict

TOLD: Final = ("fail", "error", "contested", "warn", "inconclusive")  #: one row for each of these


def markdown(document: Mapping[str, Any]) -> str:
    """A table of counts by level, and every requirement that did not simply pass."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {_text(document['target'])}: {conclusion(document)}"
    yield ""
    suite = document["suite"]
    yield (
        f"Judged {document['started']} by {suite['name']} {suite['version']} "
        f"in {document['seconds']:.1f} s, seed {document['seed']}."
    )
    yield ""
    if document["wiring"]:
        yield _text(document["wiring"])
        return
    if document["cut"]:
        yield from (_text(document["cut"]), "")
    yield from _counts(document["counts"])
    for verdict in TOLD:
        yield from _told(document["requirements"], verdict)


def conclusion(document: Mapping[str, Any]) -> str:
    """The verdict in a few words."""
    if document["cut"]:
        return "was not judged to the end"
    return ("conforms as claimed", "does not conform", "could not be judged")[document["exit"]]


def _counts(counts: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    shown = [one.value for one in Verdict if any(one.value in level for level in counts.values())]
    yield f"| level | {' | '.join(shown)} |"
    yield f"|---|{'---:|' * len(shown)}"
    for level, found in counts.items():
        yield f"| {level} | {' | '.join(str(found.get(verdict, 0)) for verdict in shown)} |"


def _told(requirements: list[Mapping[str, Any]], verdict: str) -> Iterator[str]:
    found = [one for one in requirements if one["verdict"] == verdict]
    if found:
        yield from (
            "",
            f"## {verdict}",
            "",
            "| requirement | expected | observed |",
            "|---|---|---|",
        )
    for one in found:
        check = next(check for check in one["checks"] if check["verdict"] == verdict)
        cells = (f"`{one['id']}` {one['sentence']}", check["expected"], check["observed"])
        yield f"| {' | '.join(map(_text, cells))} |"


def _text(text: str) -> str:
    """A text of the target's, which may hold anything, as a cell that shows it."""
    for character in "\\*_[]<>|#":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
