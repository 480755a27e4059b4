"""How much a run tries, and what decides whatever it may choose: a seed, which repeats it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from compute_conformance.signing import Account


class Effort(StrEnum):
    """How much is tried beyond the checks that always do the same."""

    QUICK = "quick"  #: a handful of examples
    FULL = "full"  #: some thousand
    SOAK = "soak"  #: as many as the time allows


@dataclass(frozen=True, slots=True)
class Dose:
    """What an effort takes."""

    examples: int  #: of each generative check
    costly: int  #: the same where each starts jobs
    programs: int  #: of the model
    steps: int  #: of a program
    seconds: float  #: after which a generative check is content with what it tried
    jobs: int  #: of a whole run, where the profile sets no bound
    total: float  #: seconds of a whole run, where the profile sets no bound


DOSES: Final[Mapping[Effort, Dose]] = {
    Effort.QUICK: Dose(6, 2, 2, 12, 10, 600, 600),
    Effort.FULL: Dose(100, 25, 100, 30, 60, 3_000, 900),
    Effort.SOAK: Dose(5_000, 200, 2_000, 50, 300, 50_000, 14_400),
}


@dataclass(frozen=True)
class Chance:
    """What a run leaves to chance; the same seed chooses the same.

    Keys are of seed and salt. The salt is new in each run, for a target that stays may have seen
    the keys of a seed before, and nothing could be said of a fresh account then.
    """

    seed: int = 0
    effort: Effort = Effort.QUICK
    salt: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def dose(self) -> Dose:
        """What the effort takes."""
        return DOSES[self.effort]

    def number(self, name: str) -> int:
        """A number below 2^64 of the seed and a name."""
        return int.from_bytes(self._digest(name)[:8], "big")

    def account(self, name: str, number: int) -> Account:
        """The account of this number in the check of this name; nobody else has its key."""
        return Account(self._digest(f"{self.salt} {name} {number}"))

    def _digest(self, text: str) -> bytes:
        return hashlib.sha256(f"{self.seed} {text}".encode()).digest()
