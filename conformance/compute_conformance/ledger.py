"""The interpretation ledger: where the page is contested, and what was elected."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Reading:
    """A contested point, the evidence, the reading elected and those that were not."""

    id: str
    point: str
    evidence: tuple[str, ...]
    elected: str
    others: tuple[str, ...]


@cache
def ledger() -> Mapping[str, Reading]:
    """Every entry by its id."""
    text = files(__package__).joinpath("ledger.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["entry"]
    return {
        entry["id"]: Reading(
            entry["id"],
            entry["point"],
            tuple(entry["evidence"]),
            entry["elected"],
            tuple(entry["others"]),
        )
        for entry in entries
    }
