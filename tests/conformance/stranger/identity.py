"""Who signed, and with which nonce."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from coincurve import PublicKey
from Crypto.Hash import keccak

PREFIX = b"\x19Ethereum Signed Message:\n32"


class Refused(Exception):
    """An answer that says no."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


def missing(*names: str) -> Refused:
    """Fields that are not there."""
    errors = {name: [f"The {name} field is required."] for name in names}
    return Refused(400, {"message": "Validation error", "success": False, "errors": errors})


def invalid(text: str) -> Refused:
    """A signature that is nobody's, or a nonce that was used; as a bare string."""
    return Refused(400, {"errors": {"signature": text}, "message": "Validation error"})


def digest(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def signer(message: str, signature: str) -> str:
    """The lower-case address that signed, or Refused."""
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
        v = raw[64] - 27 if raw[64] in {27, 28} else raw[64]
        key = PublicKey.from_signature_and_message(
            raw[:64] + bytes([v]), digest(PREFIX + digest(message.encode())), hasher=None
        )
    except (ValueError, IndexError):
        raise invalid("Invalid signature.") from None
    return "0x" + digest(key.format(compressed=False)[1:])[-20:].hex()


class Nonces:
    """The last nonce of each address."""

    def __init__(self) -> None:
        self._last: dict[str, Decimal] = {}
        self._lock = threading.Lock()

    def last(self, address: str) -> Decimal:
        return self._last.get(address.lower(), Decimal(1))

    def spend(self, address: str, nonce: str) -> None:
        try:
            value = Decimal(nonce)
        except InvalidOperation:
            raise missing("nonce") from None
        with self._lock:
            if not value.is_finite() or value <= self.last(address):
                raise invalid(f"Invalid signature expected nonce ({nonce}) > current nonce.")
            self._last[address.lower()] = value
