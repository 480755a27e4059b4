"""AuthTokens: signed leave to act for an address until a time (HS256, claims exp and address)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final, Protocol

import jwt

from compute_ref.clock import Clock
from compute_ref.identity.nonces import NonceClaim
from compute_ref.refusals import Malformed, Refused


class TokenBook(Protocol):
    """Where revocations are kept, durable."""

    def revoke(self, token_id: str, expires: float, claim: NonceClaim) -> None:
        """Revoke and spend the nonce, in one."""

    def restore(self, token_id: str, claim: NonceClaim) -> None:
        """Lift a revocation, if there is one, and spend the nonce, in one."""

    def is_revoked(self, token_id: str) -> bool:
        """Whether the token is revoked."""


LONGEST: Final = 512  # characters; a longer text is not taken apart at all


def token_id(claims: Mapping[str, Any]) -> str:
    """What the book knows a token by: a hash of its claims, however its text is spelled."""
    return hashlib.sha256(f"{claims['exp']} {claims['address']}".encode()).hexdigest()


class Tokens:
    """Makes, checks and revokes AuthTokens; `secret` is 32 bytes, `longest` in seconds."""

    def __init__(self, secret: bytes, clock: Clock, book: TokenBook, longest: float) -> None:
        self._secret = secret
        self._clock = clock
        self._book = book
        self._longest = longest

    def issue(self, claim: NonceClaim, expiration: int) -> str:
        """A token of the claim's address; the same claims give the same text and restore it."""
        now = self._clock.now()
        if not now < expiration <= now + self._longest:
            raise Malformed(
                {
                    "expiration": [
                        "The expiration must be a Unix time in the future, at most"
                        f" {self._longest:.0f} seconds ahead."
                    ]
                }
            )
        claims = {"exp": expiration, "address": claim.address}
        self._book.restore(token_id(claims), claim)
        return jwt.encode(claims, self._secret, "HS256")

    def opens(self, token: str, address: str) -> bool:
        """Whether `token` is good for `address` now."""
        try:
            self._good(token, address)
        except Refused:
            return False
        return True

    def revoke(self, token: str, claim: NonceClaim) -> None:
        """Revoke a token of the claim's address until it would expire anyway, or Refused."""
        claims = self._good(token, claim.address)
        self._book.revoke(token_id(claims), claims["exp"], claim)

    def _good(self, token: str, address: str) -> Mapping[str, Any]:
        """The claims of a token that is good for `address` now, or Refused with why not."""
        claims = self._claims(token)
        if claims["address"] != address:
            raise Refused("Token is invalid.")
        if claims["exp"] <= self._clock.now():
            raise Refused("Token is expired.")
        if self._book.is_revoked(token_id(claims)):
            raise Refused("Token is deleted.")
        return claims

    def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > LONGEST or not token.isascii():
            raise Refused("Token is invalid.")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                # The time is compared by our own clock, which tests can move.
                options={"require": ["exp", "address"], "verify_exp": False},
            )
        except jwt.InvalidTokenError as forged:
            raise Refused("Token is invalid.") from forged
        return claims
