"""The published page as the register was written from it, and what a newer copy has changed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or an entry of a list; `key` is what requirements cite."""

    key: str
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Drift:
    """What a copy of the page says otherwise."""

    gone: tuple[Paragraph, ...]  #: requirements that cite these have lost their ground
    new: tuple[str, ...]  #: nothing in the register rests on these yet


@cache
def page() -> Mapping[str, Paragraph]:
    """The paragraphs by key, in the page's order."""
    return {entry["key"]: Paragraph(**entry) for entry in _data()["paragraph"]}


def drift(text: str) -> Drift:
    """Compare the text of a page, as a browser copies it, with the one that is known."""
    found = {sha256(line.encode()).hexdigest(): line for line in _paragraphs(text)}
    known = {paragraph.sha256 for paragraph in page().values()}
    gone = tuple(one for one in page().values() if one.sha256 not in found)
    return Drift(gone, tuple(line for digest, line in found.items() if digest not in known))


def _paragraphs(text: str) -> list[str]:
    """Its lines without empty ones and bare headings; a code of the table with its text."""
    headings = _data()["headings"]
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line not in headings]
    found: list[str] = []
    for line in lines:
        if found and found[-1].isdigit():
            found[-1] += f" {line}"
        else:
            found.append(line)
    return found


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("page.toml").read_text(encoding="utf-8"))
