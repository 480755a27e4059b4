"""Addresses: one case to show, any case to compare."""

from __future__ import annotations

import pytest

from compute_ref.identity.addresses import checksum_address, keccak256

# The examples of EIP-55.
EXAMPLES = [
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("address", EXAMPLES)
def test_an_address_in_any_case_is_shown_in_checksum_case(address: str) -> None:
    digits = address[2:]
    for sent in (digits, digits.lower(), digits.upper()):
        assert checksum_address("0x" + sent) == address


@pytest.mark.parametrize(
    "text",
    ["", "0x", "0x" + "1" * 39, "0x" + "1" * 41, "1" * 40, "0X" + "1" * 40, "0x" + "g" * 40,
     "0x" + "1" * 40 + "\n", " 0x" + "1" * 40, "0x" + "\u0661" * 40],
)  # fmt: skip
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        checksum_address(text)


def test_the_hash_is_ethereums_and_not_the_later_standard() -> None:
    empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"").hex() == empty
