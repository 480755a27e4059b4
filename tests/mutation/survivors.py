"""The mutants that no test found, beside the list of those for which there is a reason."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LISTED: Final = Path(__file__).with_name("survivors.toml")
LEAST: Final = 0.9  # of all mutants, to be found by the tests


@dataclass(frozen=True)
class Mutant:
    """One change of a function, as `function: - old line + new line`, and whether it was found."""

    text: str
    found: bool

    @property
    def function(self) -> str:
        """The function that was changed, by its dotted name."""
        return self.text.partition(": ")[0]


def complaints(tried: Iterable[Mutant], listed: Iterable[str]) -> list[str]:
    """What is wrong, in sentences; [] where all is well.

    Of the listed survivors, only those of functions that were tried are looked at.
    """
    mutants = list(tried)
    functions = {mutant.function for mutant in mutants}
    expected = {text for text in listed if text.partition(": ")[0] in functions}
    survived = {mutant.text for mutant in mutants if not mutant.found}
    found = sum(mutant.found for mutant in mutants)
    return [
        *(f"survived without a reason: {text}" for text in sorted(survived - expected)),
        *(f"listed, but found or gone: {text}" for text in sorted(expected - survived)),
        *([f"fewer than {LEAST:.0%} were found"] if found < LEAST * len(mutants) else []),
    ]


def reasons(path: Path = LISTED) -> dict[str, str]:
    """The listed survivors, each with the reason for it."""
    groups = tomllib.loads(path.read_text(encoding="utf-8"))["reason"]
    return {text: group["why"] for group in groups for text in group["mutants"]}
