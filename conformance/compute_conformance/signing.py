"""Who signs: a key, and what this API makes of a message. Shares no code with any server."""

from __future__ import annotations

import secrets

from coincurve import PrivateKey
from Crypto.Hash import keccak

PREFIX = b"\x19Ethereum Signed Message:\n32"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  #: of secp256k1


def keccak256(data: bytes) -> bytes:
    """The digest that Ethereum uses."""
    return keccak.new(digest_bits=256, data=data).digest()


def checksummed(address: str) -> str:
    """The EIP-55 spelling of an address."""
    digits = address.lower().removeprefix("0x")
    digest = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) > 7 else digit
        for digit, nibble in zip(digits, digest, strict=False)
    )


class Account:
    """An address and its key."""

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        point = self._key.public_key.format(compressed=False)[1:]
        self.address = checksummed(keccak256(point)[-20:].hex())
        self.said: dict[str, tuple[str, int]] = {}  #: text and v of each signature, to repeat it

    @classmethod
    def new(cls) -> Account:
        """A fresh account."""
        return cls(secrets.token_bytes(32))

    @property
    def secret(self) -> str:
        """The private key in hex, for reproducers of fresh accounts."""
        return "0x" + self._key.secret.hex()

    def sign(self, message: str, *, v: int = 27) -> str:
        """A personal-sign signature over the keccak of the text; `v` is 27 or 0, plus recovery."""
        made = self.sign_digest(keccak256(PREFIX + keccak256(message.encode("utf-8"))), v=v)
        self.said[made] = (message, v)
        return made

    def sign_digest(self, digest: bytes, *, v: int = 27) -> str:
        """A signature over 32 bytes as they are."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return "0x" + (raw[:64] + bytes([raw[64] + v])).hex()
