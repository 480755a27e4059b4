"""How nonces are written, and what the nonce endpoint shows."""

from __future__ import annotations

import pytest

from compute_ref.identity.nonces import parse_nonce, shown_nonce
from compute_ref.refusals import Malformed

SENTENCE = (
    "The nonce must be a decimal number greater than 0 and below 2^53, with at most 18 digits after"
    " the point."
)


@pytest.mark.parametrize("text", ["1", "0.5", "1644315615.24195", "9007199254740991"])
def test_decimal_numbers_are_nonces(text: str) -> None:
    assert str(parse_nonce(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "01", "-1", "+1", "1e3", "1.", "٣", "9007199254740992", "NaN", "1 "]
)
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_nonce(text)
    assert refused.value.errors == {"nonce": [SENTENCE]}


def test_the_shown_nonce_is_never_below_the_last_one() -> None:
    assert [shown_nonce(last) for last in (None, "7", "7.1", "7.5")] == [1, 7, 8, 8]
