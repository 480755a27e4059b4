"""Servers that take tokens wrongly."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import jwt
import webob

from compute_ref.http import identities
from compute_ref.http.schemas import loaded
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.nonces import NonceClaim
from compute_ref.identity.tokens import Tokens, token_id
from compute_ref.refusals import Malformed, SignatureInvalid
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.signatures import implied_nonce

DAY: Final = 86_400


def _made(wrong: Wrong, change: Any) -> None:
    """Change each answer that brings a token."""

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("createAuthToken") and response.status_int == 200:
            change(response)

    wrong.answers(rewrite)


@defect("token-opaque", "CE-TOKEN-CREATE", kind=Kind.SHAPE)
def opaque(wrong: Wrong) -> None:
    def change(response: webob.Response) -> None:
        token = json.loads(response.body)["token"]
        response.body = json.dumps({"token": hashlib.sha256(token.encode()).hexdigest()}).encode()

    _made(wrong, change)


@defect("token-expires-otherwise", "CE-TOKEN-EXPIRES")
def expires_otherwise(wrong: Wrong) -> None:
    right = Tokens.issue
    wrong.patch(Tokens, "issue", lambda self, claim, end: right(self, claim, end + 3600))


def not_signed(wrong: Wrong, call: str) -> None:
    """Do not ask for a signature in this call about tokens."""
    right = identities._signed_claim

    def claim(services: Any, who: Credentials) -> NonceClaim:
        if asked.ASKED.call == call and who.signature == "none":
            return NonceClaim(who.address, who.nonce)
        return right(services, who)

    def unsigned(request: webob.Request) -> None:
        if request.path.endswith("AuthToken") and "signature" not in request.GET:
            request.GET["signature"] = "none"

    asked.listen(wrong)
    wrong.patch(identities, "_signed_claim", claim)
    wrong.requests(unsigned)


@defect("token-made-unsigned", "CE-TOKEN-CREATE-MISSING", kind=Kind.SECURITY)
def made_unsigned(wrong: Wrong) -> None:
    not_signed(wrong, asked.MAKE)


@defect("token-made-by-anybody", "CE-TOKEN-CREATE-OTHER-ACCOUNT", kind=Kind.SECURITY)
def made_by_anybody(wrong: Wrong) -> None:
    asked.unverified(wrong, asked.MAKE)


@defect("token-made-for-implied-nonce", "CE-TOKEN-CREATE-OTHER-NONCE", kind=Kind.SECURITY)
def made_for_implied_nonce(wrong: Wrong) -> None:
    implied_nonce(wrong, asked.MAKE)


@defect("token-without-expiration", "CE-TOKEN-EXPIRATION-MISSING")
def without_expiration(wrong: Wrong) -> None:
    def usual(request: webob.Request) -> None:
        if request.path.endswith("createAuthToken") and "expiration" not in request.GET:
            request.GET["expiration"] = str(int(time.time()) + DAY)

    wrong.requests(usual)


@defect("token-of-the-past", "CE-TOKEN-EXPIRATION-PAST")
def of_the_past(wrong: Wrong) -> None:
    def issue(self: Tokens, claim: NonceClaim, expiration: int) -> str:
        if expiration > self._clock.now() + self._longest:
            raise Malformed({"expiration": ["The expiration is too far."]})
        claims = {"exp": expiration, "address": claim.address}
        self._book.restore(token_id(claims), claim)
        return jwt.encode(claims, self._secret, "HS256")

    wrong.patch(Tokens, "issue", issue)


@defect("token-expiration-that-is-a-word-crashes", "CE-TOKEN-EXPIRATION-WORD")
def word_crashes(wrong: Wrong) -> None:
    def hasty(schema: Any, said: Mapping[str, Any], *needed: Any) -> dict[str, Any]:
        float(said.get("expiration", 0)).as_integer_ratio()
        return loaded(schema, said, *needed)

    wrong.patch(identities, "loaded", hasty)


@defect("token-of-any-age", "CE-TOKEN-EXPIRATION-FAR", kind=Kind.SECURITY)
def of_any_age(wrong: Wrong) -> None:
    wrong.settings(lambda s: replace(s, identity=replace(s.identity, max_token_lifetime=10**12)))


@defect("token-may-be-stored", "CE-TOKEN-NO-STORE", kind=Kind.SECURITY)
def may_be_stored(wrong: Wrong) -> None:
    _made(wrong, lambda response: response.headers.pop("Cache-Control", None))


# In place of a signature


@defect("token-not-for-starts", "CE-TOKEN-START", calls=2)
def not_for_starts(wrong: Wrong) -> None:
    asked.without_token(wrong, asked.START)


@defect("token-not-for-stops", "CE-TOKEN-STOP", calls=3)
def not_for_stops(wrong: Wrong) -> None:
    asked.without_token(wrong, asked.STOP)


@defect("token-not-for-deletes", "CE-TOKEN-DELETE", calls=3)
def not_for_deletes(wrong: Wrong) -> None:
    asked.without_token(wrong, asked.DELETE)


@defect("token-not-for-results", "CE-TOKEN-RESULT", calls=4)
def not_for_results(wrong: Wrong) -> None:
    asked.without_token(wrong, asked.RESULT)


@defect("token-not-for-status", "CE-TOKEN-STATUS", calls=3)
def not_for_status(wrong: Wrong) -> None:
    asked.without_token(wrong, asked.STATUS)


@defect("token-address-compared-as-text", "CE-TOKEN-ADDRESS-CASE", calls=3)
def address_as_text(wrong: Wrong) -> None:
    right = Tokens.opens

    def opens(self: Tokens, token: str, address: str) -> bool:
        sent = asked.ASKED.said.get("consumerAddress")
        return right(self, token, address) and sent == address

    asked.listen(wrong)
    wrong.patch(Tokens, "opens", opens)


@defect("token-before-signature", "CE-TOKEN-SIGNATURE-FIRST", kind=Kind.SECURITY, calls=2)
def before_signature(wrong: Wrong) -> None:
    def token_first(self: Callers, sender: Credentials, right: asked.Spending) -> Caller:
        try:
            return right()
        except SignatureInvalid:
            if sender.token:
                return self._by_token(sender, comparing=True)
            raise

    asked.spending(wrong, asked.START, token_first)


@defect("token-wrong-beside-signature", "CE-TOKEN-SIGNATURE-ENOUGH", calls=2)
def wrong_beside_signature(wrong: Wrong) -> None:
    def both(self: Callers, sender: Credentials, right: asked.Spending) -> Caller:
        if sender.token:
            self._by_token(sender, comparing=True)
        return right()

    asked.spending(wrong, asked.START, both)
