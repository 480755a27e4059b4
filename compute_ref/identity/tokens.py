"""AuthTokens: signed leave to act for an address until a time (HS256, claims exp and address)."""

from __future__ import annotations

import hashlib
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


def token_id(token: str) -> str:
    """What the book knows a token by: the hash of its text, so that the book opens nothing."""
    return hashlib.sha256(token.encode("utf-8")).hexdigest()


LONGEST: Final = 512  # characters; a longer text is not taken apart at all


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
        token = jwt.encode({"exp": expiration, "address": claim.address}, self._secret, "HS256")
        self._book.restore(token_id(token), claim)
        return token

    def opens(self, token: str, address: str) -> bool:
        """Whether `token` is good for `address` now."""
        return self._trouble(token, address) == ""

    def revoke(self, token: str, claim: NonceClaim) -> None:
        """Revoke a token of the claim's address, until it would expire anyway."""
        trouble = self._trouble(token, claim.address)
        if trouble:
            raise Refused(trouble)
        self._book.revoke(token_id(token), self._claims(token)["exp"], claim)

    def _trouble(self, token: str, address: str) -> str:
        if len(token) > LONGEST:
            return "Token is invalid."
        try:
            claims = self._claims(token)
        except jwt.InvalidTokenError:
            return "Token is invalid."
        if claims["address"] != address:
            return "Token is invalid."
        if claims["exp"] <= self._clock.now():
            return "Token is expired."
        return "Token is deleted." if self._book.is_revoked(token_id(token)) else ""

    def _claims(self, token: str) -> dict[str, Any]:
        # The time is compared by our own clock, which tests can move.
        claims: dict[str, Any] = jwt.decode(
            token,
            self._secret,
            algorithms=["HS256"],
            options={"require": ["exp", "address"], "verify_exp": False},
        )
        return claims
