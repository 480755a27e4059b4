"""Private keys: a consumer's account, and the provider's own key on disk."""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkstemp

from compute_ref.identity.curve import PrivateKey
from compute_ref.identity.signatures import address_of, signing_hash
from compute_ref.syncing import sync_folder


class KeyFileUnsafe(Exception):
    """The provider key cannot be trusted: readable by others, or not a key."""


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """An Ethereum account by its private key (32 bytes)."""

    private_key: bytes

    @classmethod
    def create(cls) -> Account:
        """A new account of random key."""
        return cls(PrivateKey(secrets.token_bytes(32)).secret)

    @classmethod
    def from_hex(cls, text: str) -> Account:
        """The account of a key in hex, with or without ``0x``; ValueError where it is none."""
        key = bytes.fromhex(text.strip().removeprefix("0x"))
        if len(key) != 32:
            raise ValueError("a private key is 32 bytes: 64 hexadecimal digits")
        return cls(PrivateKey(key).secret)

    @property
    def address(self) -> str:
        """The checksummed address."""
        return address_of(PrivateKey(self.private_key).public_key)

    def sign(self, message: str) -> str:
        """`message` signed as wallets do it: ``0x`` and 65 bytes in hex, v 27 or 28."""
        raw = PrivateKey(self.private_key).sign_recoverable(signing_hash(message), hasher=None)
        return "0x" + (raw[:64] + bytes([raw[64] + 27])).hex()

    def secret_for(self, purpose: str) -> bytes:
        """32 bytes derived from the key for one `purpose`; the key cannot be told from them."""
        return hmac.digest(self.private_key, purpose.encode("utf-8"), "sha256")


def provider_account(data_dir: Path) -> Account:
    """The provider's key from ``data_dir/provider.key``, made with mode 0600 at first use.

    Raises KeyFileUnsafe where others can read the file, or where it holds no key.
    """
    path = data_dir / "provider.key"
    if not path.exists():
        # another process was first, and may have swept our draft: its key is the key
        with suppress(FileExistsError, FileNotFoundError):
            write_key(path, Account.create())
    for draft in data_dir.glob(f".{path.name}.*"):  # a server was killed at its first start
        draft.unlink(missing_ok=True)
    with path.open(encoding="ascii") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise KeyFileUnsafe(
                f"{path} may be read by others: chmod 600 it, or remove it for a new key"
            )
        try:
            return Account.from_hex(file.read())
        except ValueError as broken:
            raise KeyFileUnsafe(
                f"{path} holds no private key: restore it from a copy, or remove it for a new key"
            ) from broken


def write_key(path: Path, account: Account) -> None:
    """Write the key as a new file of mode 0600, whole or not at all; FileExistsError if there."""
    descriptor, draft = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write("0x" + account.private_key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
        sync_folder(path.parent)
    finally:
        Path(draft).unlink(missing_ok=True)
