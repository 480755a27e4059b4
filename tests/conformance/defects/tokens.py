"""Servers that take tokens wrongly."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import jwt
import webob

from compute_ref.http import identities
from compute_ref.http.result import ResultResource
from compute_ref.http.schemas import loaded
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.nonces import NonceClaim
from compute_ref.identity.tokens import Tokens, token_id
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import Malformed, Refused, SignatureInvalid
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


def _claimed(wrong: Wrong, call: str) -> None:
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
    _claimed(wrong, asked.MAKE)


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


# What is no token


def _claims(wrong: Wrong, read: Any) -> None:
    """Read claims otherwise where the right way refuses: `read` gets the token, None refuses."""
    right = Tokens._claims

    def claims(self: Tokens, token: str) -> Mapping[str, Any]:
        try:
            return right(self, token)
        except Refused:
            found: Mapping[str, Any] | None = read(self, token)
            if found is None:
                raise
            return found

    wrong.patch(Tokens, "_claims", claims)


@defect("token-of-anybody", "CE-TOKEN-OTHERS", kind=Kind.SECURITY, calls=3)
def of_anybody(wrong: Wrong) -> None:
    right = Tokens._good

    def good(self: Tokens, token: str, address: str) -> Mapping[str, Any]:
        if asked.ASKED.call == asked.REVOKE:
            return right(self, token, address)
        return right(self, token, self._claims(token)["address"])

    asked.listen(wrong)
    wrong.patch(Tokens, "_good", good)


@defect("token-that-is-none-crashes", "CE-TOKEN-WRONG", calls=3)
def none_crashes(wrong: Wrong) -> None:
    def crash(self: Tokens, token: str) -> None:
        if token.count(".") != 2:
            raise RuntimeError("not enough segments")

    _claims(wrong, crash)


@defect("token-claims-not-signed", "CE-TOKEN-CHANGED", kind=Kind.SECURITY, calls=4)
def claims_not_signed(wrong: Wrong) -> None:
    """The signature covers whose token it is, and not until when."""

    def signature(self: Tokens, address: str) -> str:
        raw = hmac.digest(self._secret, address.encode(), "sha256")
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def claims(self: Tokens, token: str) -> Mapping[str, Any]:
        try:
            told: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
            good = token.rpartition(".")[2] == signature(self, told["address"])
        except (jwt.InvalidTokenError, KeyError) as forged:
            raise Refused("Token is invalid.") from forged
        if not good:
            raise Refused("Token is invalid.")
        return told

    right = Tokens.issue

    def issue(self: Tokens, claim: NonceClaim, expiration: int) -> str:
        said = right(self, claim, expiration).rpartition(".")[0]
        return f"{said}.{signature(self, claim.address)}"

    wrong.patch(Tokens, "_claims", claims)
    wrong.patch(Tokens, "issue", issue)


@defect("token-need-not-be-signed", "CE-TOKEN-ALG-NONE", kind=Kind.SECURITY, calls=3)
def need_not_be_signed(wrong: Wrong) -> None:
    def unsigned(self: Tokens, token: str) -> Mapping[str, Any] | None:
        try:
            head = jwt.get_unverified_header(token)
            told: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return None
        return told if str(head.get("alg")).lower() == "none" else None

    _claims(wrong, unsigned)


@defect("token-key-of-the-example", "CE-TOKEN-WEAK-KEY", kind=Kind.SECURITY, calls=3)
def key_of_the_example(wrong: Wrong) -> None:
    right = Tokens.__init__

    def made(self: Tokens, secret: bytes, *told: Any) -> None:
        right(self, b"secret", *told)

    wrong.patch(Tokens, "__init__", made)


def _good_but(wrong: Wrong, *overlooked: str) -> None:
    """Overlook these reasons for which a token is no good."""

    def good(self: Tokens, token: str, address: str) -> Mapping[str, Any]:
        claims = self._claims(token)
        reasons = {
            "other": claims["address"] != address,
            "expired": claims["exp"] <= self._clock.now(),
            "revoked": self._book.is_revoked(token_id(claims)),
        }
        if any(found for name, found in reasons.items() if name not in overlooked):
            raise Refused("Token is invalid.")
        return claims

    wrong.patch(Tokens, "_good", good)


@defect("token-never-expires", "CE-TOKEN-EXPIRED", kind=Kind.SECURITY, calls=4)
def never_expires(wrong: Wrong) -> None:
    _good_but(wrong, "expired")


# Revoking


@defect("token-revoked-stays-good", "CE-TOKEN-REVOKE", kind=Kind.SECURITY, calls=4)
def revoked_stays_good(wrong: Wrong) -> None:
    _good_but(wrong, "revoked")


@defect("token-revoked-unsigned", "CE-TOKEN-REVOKE-MISSING", kind=Kind.SECURITY, calls=3)
def revoked_unsigned(wrong: Wrong) -> None:
    _claimed(wrong, asked.REVOKE)


def _revoked(wrong: Wrong, revoke: Any) -> None:
    wrong.patch(Tokens, "revoke", revoke)


@defect("token-revoked-by-anybody", "CE-TOKEN-REVOKE-OTHERS", kind=Kind.SECURITY, calls=4)
def revoked_by_anybody(wrong: Wrong) -> None:
    def revoke(self: Tokens, token: str, claim: NonceClaim) -> None:
        claims = self._good(token, self._claims(token)["address"])
        self._book.revoke(token_id(claims), claims["exp"], claim)

    _revoked(wrong, revoke)


@defect("token-revoked-with-all-others", "CE-TOKEN-REVOKE-ONE", calls=5)
def revoked_with_all_others(wrong: Wrong) -> None:
    gone: set[str] = set()
    right_revoke, right_opens = Tokens.revoke, Tokens.opens

    def revoke(self: Tokens, token: str, claim: NonceClaim) -> None:
        right_revoke(self, token, claim)
        gone.add(claim.address)

    def opens(self: Tokens, token: str, address: str) -> bool:
        return address not in gone and right_opens(self, token, address)

    _revoked(wrong, revoke)
    wrong.patch(Tokens, "opens", opens)


@defect("token-revoked-twice-crashes", "CE-TOKEN-REVOKE-AGAIN", calls=3)
def revoked_twice_crashes(wrong: Wrong) -> None:
    right = Tokens.revoke

    def revoke(self: Tokens, token: str, claim: NonceClaim) -> None:
        if self._book.is_revoked(token_id(self._claims(token))):
            raise RuntimeError("UNIQUE constraint failed: revoked_tokens.token")
        right(self, token, claim)

    _revoked(wrong, revoke)


@defect("token-revoked-by-its-text", "CE-TOKEN-REVOKE-SPELLING", kind=Kind.SECURITY, calls=5)
def revoked_by_its_text(wrong: Wrong) -> None:
    gone: set[str] = set()
    right_opens = Tokens.opens

    def revoke(self: Tokens, token: str, claim: NonceClaim) -> None:
        claims = self._good(token, claim.address)
        self._book.revoke(f"{token_id(claims)} of another", claims["exp"], claim)
        gone.add(token)

    def opens(self: Tokens, token: str, address: str) -> bool:
        return token not in gone and right_opens(self, token, address)

    _revoked(wrong, revoke)
    wrong.patch(Tokens, "opens", opens)


@defect("token-never-restored", "CE-TOKEN-RESTORE", calls=4)
def never_restored(wrong: Wrong) -> None:
    gone: set[str] = set()
    right_revoke, right_opens = Tokens.revoke, Tokens.opens

    def revoke(self: Tokens, token: str, claim: NonceClaim) -> None:
        right_revoke(self, token, claim)
        gone.add(token_id(self._claims(token)))

    def opens(self: Tokens, token: str, address: str) -> bool:
        return right_opens(self, token, address) and token_id(self._claims(token)) not in gone

    _revoked(wrong, revoke)
    wrong.patch(Tokens, "opens", opens)


# One call's leave in another


@defect("token-makes-tokens", "CE-TOKEN-NO-HEIR", kind=Kind.SECURITY, calls=2)
def makes_tokens(wrong: Wrong) -> None:
    right = identities._signed_claim

    def claim(services: Any, who: Credentials) -> NonceClaim:
        if who.signature == "none" and services.tokens.opens(who.token, who.address):
            return NonceClaim(who.address, who.nonce)
        return right(services, who)

    def by_token(request: webob.Request) -> None:
        if "AuthToken" in request.headers and request.path.endswith("createAuthToken"):
            request.GET.setdefault("signature", "none")

    wrong.patch(identities, "_signed_claim", claim)
    wrong.requests(by_token)


@defect("token-nonce-not-kept", "CE-TOKEN-CREATE-REPLAY", kind=Kind.SECURITY, calls=2)
def nonce_not_kept(wrong: Wrong) -> None:
    def restore(self: Any, key: str, claim: NonceClaim) -> None:
        with self._durable():
            self._ledger.restore(key)

    wrong.patch(Store, "restore", restore)


@defect("token-nonces-of-revoking-apart", "CE-TOKEN-CREATE-AS-REVOKE", kind=Kind.SECURITY, calls=2)
def revoking_apart(wrong: Wrong) -> None:
    asked.apart(wrong, asked.REVOKE)


@defect("token-nonces-apart", "CE-TOKEN-STOP-AS-CREATE", kind=Kind.SECURITY, calls=2)
def tokens_apart(wrong: Wrong) -> None:
    asked.apart(wrong, asked.MAKE, asked.REVOKE)


@defect("token-of-a-signed-list", "CE-TOKEN-POLL-AS-CREATE", kind=Kind.SECURITY, calls=3)
def of_a_signed_list(wrong: Wrong) -> None:
    """A signed list is answered, if only as an unsigned one."""
    right = Callers.reading

    def reading(self: Callers, sender: Credentials, job_id: str, document_id: str) -> Caller | None:
        if sender.signature and not job_id:
            return None
        return right(self, sender, job_id, document_id)

    wrong.patch(Callers, "reading", reading)


@defect("token-keeps-nonces", "CE-TOKEN-NONCE", kind=Kind.SECURITY, calls=4)
def keeps_nonces(wrong: Wrong) -> None:
    right = Callers._by_token

    def by_token(self: Callers, sender: Credentials, *, comparing: bool) -> Caller:
        caller = right(self, sender, comparing=comparing)
        claim = NonceClaim(sender.address, sender.nonce) if comparing and sender.nonce else None
        return replace(caller, claim=claim)

    wrong.patch(Callers, "_by_token", by_token)


@defect("token-result-of-the-first-job", "CE-TOKEN-LATEST", calls=6)
def of_the_first_job(wrong: Wrong) -> None:
    right = ResultResource._job

    def job(self: ResultResource, caller: Caller, job_id: str) -> Job:
        found = right(self, caller, job_id)
        return found if job_id else self._its.store.find(JobFilter(owner=caller.address))[-1]

    wrong.patch(ResultResource, "_job", job)
