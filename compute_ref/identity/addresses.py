"""Ethereum addresses: compared without case, shown with EIP-55 checksum case."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from Crypto.Hash import keccak

PATTERN: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def keccak256(data: bytes) -> bytes:
    """The 32 bytes of Ethereum's hash of `data`."""
    return keccak.new(digest_bits=256, data=data).digest()


@lru_cache(4096)
def checksum_address(address: str) -> str:
    """`address` in EIP-55 case, whatever case it came in; ValueError where it is malformed."""
    if not PATTERN.fullmatch(address):
        raise ValueError("not an address: 0x and 40 hexadecimal digits")
    plain = address[2:].lower()
    digits = keccak256(plain.encode("ascii")).hex()
    cased = (
        letter.upper() if int(digit, 16) > 7 else letter
        for letter, digit in zip(plain, digits, strict=False)
    )
    return "0x" + "".join(cased)
