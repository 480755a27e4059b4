"""Nonces: how one is written, and the claim that one is spent on an effect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from compute_ref.refusals import Malformed

PATTERN: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]{1,18})?", re.ASCII)
UPPER_BOUND: Final = Decimal(2**53)  # beyond it JavaScript clients of the account could not go on


@dataclass(frozen=True, slots=True)
class NonceClaim:
    """An address spends a nonce; the store accepts it once, together with what it pays for."""

    address: str
    nonce: str

    @property
    def value(self) -> Decimal:
        """The nonce as a number."""
        return Decimal(self.nonce)


def parse_nonce(text: str) -> Decimal:
    """The number that `text` writes; Malformed unless greater than 0 and below 2^53."""
    if len(text) <= 40 and PATTERN.fullmatch(text) and 0 < Decimal(text) < UPPER_BOUND:
        return Decimal(text)
    raise Malformed(
        {
            "nonce": [
                "The nonce must be a decimal number greater than 0 and below 2^53,"
                " with at most 18 digits after the point."
            ]
        }
    )


def shown_nonce(last: str | None) -> int:
    """The smallest integer not below the last accepted nonce; 1 for an address never seen."""
    return 1 if last is None else int(Decimal(last).to_integral_value(ROUND_CEILING))
