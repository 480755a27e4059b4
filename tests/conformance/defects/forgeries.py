"""Servers that take what is no token, or no longer one."""

from __future__ import annotations

import base64
import hmac
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import jwt
import webob
from jwt.warnings import InsecureKeyLengthWarning

from compute_ref.http import identities
from compute_ref.http.result import ResultResource
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.nonces import NonceClaim
from compute_ref.identity.tokens import Tokens, token_id
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import Refused
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.tokens import not_signed

DAY: Final = 86_400


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
    wrong.stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # it is told, and goes on


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
    not_signed(wrong, asked.REVOKE)


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
