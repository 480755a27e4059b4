"""Signed messages: EIP-191 personal-sign over the keccak-256 digest of a joined text.

Recovery is libsecp256k1's, through coincurve; there is no slower curve to fall back to.
"""

from __future__ import annotations

import re
from typing import Final

from compute_ref.identity.addresses import checksum_address, keccak256
from compute_ref.identity.curve import PublicKey

PREFIX: Final = b"\x19Ethereum Signed Message:\n32"
HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
SIGNATURE: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{130})", re.ASCII)
RECOVERY: Final = {0: 0, 1: 1, 27: 0, 28: 1}


def message_digest(message: str) -> bytes:
    """The 32 bytes that a wallet signs for `message`, before its own prefix."""
    return keccak256(message.encode("utf-8"))


def signing_hash(message: str) -> bytes:
    """The 32 bytes that the curve signs for `message`."""
    return keccak256(PREFIX + message_digest(message))


def recover(message: str, signature: str) -> str | None:
    """The checksummed address that signed `message`, or None where that is nobody.

    `signature` is 65 bytes in hex, with or without ``0x``; v is 0, 1, 27 or 28. The high-s twin
    of a signature is nobody's, so that no signature has two spellings of one consent.
    """
    found = SIGNATURE.fullmatch(signature)
    if found is None:
        return None
    raw = bytes.fromhex(found[1])
    recovery = RECOVERY.get(raw[64])
    if recovery is None or int.from_bytes(raw[32:64], "big") > HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(
            raw[:64] + bytes([recovery]), signing_hash(message), hasher=None
        )
    except ValueError:  # no point of the curve
        return None
    return address_of(key)


def address_of(key: PublicKey) -> str:
    """The checksummed address of a public key."""
    return checksum_address("0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex())
