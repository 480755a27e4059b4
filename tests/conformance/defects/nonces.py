"""Servers that take nonces wrongly."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

import falcon
import webob

from compute_ref.http import identities
from compute_ref.http.identities import NonceResource
from compute_ref.identity.addresses import PATTERN as ADDRESS
from compute_ref.identity.addresses import checksum_address
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.nonces import NonceClaim, parse_nonce
from compute_ref.jobs.ledger import Ledger
from compute_ref.refusals import Malformed, NonceUsed, SignatureInvalid
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect


@defect("nonce-null-where-there-is-none", "CE-NONCE-SHAPE", kind=Kind.SHAPE)
def null(wrong: Wrong) -> None:
    wrong.patch(identities, "shown_nonce", lambda last: last and int(Decimal(last)))


@defect("nonce-0-where-there-is-none", "CE-NONCE-FRESH")
def begins_at_0(wrong: Wrong) -> None:
    wrong.patch(identities, "shown_nonce", lambda last: int(Decimal(last or 0)))


def _told_to(wrong: Wrong, whom: Any) -> None:
    right = NonceResource.on_get

    def on_get(self: NonceResource, req: falcon.Request, resp: falcon.Response) -> None:
        if whom(req.params.get("userAddress", "")):
            resp.media = {"nonce": 1}
        else:
            right(self, req, resp)

    wrong.patch(NonceResource, "on_get", on_get)


@defect("nonce-of-nobody-told", "CE-NONCE-ADDRESS-MISSING")
def of_nobody(wrong: Wrong) -> None:
    _told_to(wrong, lambda address: not address)


@defect("nonce-of-any-text-told", "CE-NONCE-ADDRESS-MALFORMED")
def of_any_text(wrong: Wrong) -> None:
    _told_to(wrong, lambda address: address and not ADDRESS.fullmatch(address))


@defect("nonce-begins-above-1", "CE-NONCE-FIRST")
def above_1(wrong: Wrong) -> None:
    right = Ledger.last_nonce
    wrong.patch(Ledger, "last_nonce", lambda self, address: right(self, address) or "1")


@defect("nonce-stored-when-asked-for", "CE-NONCE-ASKING", calls=2)
def stored_when_asked(wrong: Wrong) -> None:
    right = NonceResource.on_get

    def on_get(self: NonceResource, req: falcon.Request, resp: falcon.Response) -> None:
        right(self, req, resp)
        address = checksum_address(str(req.params["userAddress"]))
        if self._its.store.last_nonce(address) is None:
            asked.keep(self._its.callers, NonceClaim(address, "1"))

    wrong.patch(NonceResource, "on_get", on_get)


# Used once


@defect("nonce-not-compared", "CE-START-NONCE-REPLAY", kind=Kind.SECURITY, calls=2)
def not_compared(wrong: Wrong) -> None:
    wrong.patch(Ledger, "spend", lambda self, claim: None)


@defect("nonce-of-another-message-may-be-equal", "CE-NONCE-EQUAL", kind=Kind.SECURITY, calls=2)
def equal_elsewhere(wrong: Wrong) -> None:
    """Signatures are remembered in place of nonces."""
    seen: set[str] = set()

    def unseen(nonce: str, last: str | None) -> bool:
        signature = str(asked.ASKED.said.get("signature"))
        if signature in seen or (last is not None and Decimal(nonce) < Decimal(last)):
            return False
        seen.add(signature)
        return True

    asked.listen(wrong)
    asked.compared(wrong, unseen)


@defect("nonce-may-be-lower", "CE-NONCE-LOWER", kind=Kind.SECURITY, calls=2)
def may_be_lower(wrong: Wrong) -> None:
    """Each nonce is used once, in any order."""
    seen: set[tuple[str, Decimal]] = set()

    def unseen(nonce: str, last: str | None) -> bool:
        one = (str(asked.ASKED.said.get("consumerAddress")).lower(), Decimal(nonce))
        if one in seen:
            return False
        seen.add(one)
        return True

    asked.listen(wrong)
    asked.compared(wrong, unseen)


@defect("nonce-compared-as-text", "CE-NONCE-ORDER", calls=2)
def compared_as_text(wrong: Wrong) -> None:
    asked.compared(wrong, lambda nonce, last: last is None or nonce > last)


@defect("nonce-compared-as-double", "CE-NONCE-EXACT", calls=2)
def as_double(wrong: Wrong) -> None:
    asked.compared(wrong, lambda nonce, last: last is None or float(nonce) > float(last))


@defect("nonce-equal-by-its-text", "CE-NONCE-SPELLING", kind=Kind.SECURITY, calls=2)
def by_its_text(wrong: Wrong) -> None:
    def other(nonce: str, last: str | None) -> bool:
        return last is None or (Decimal(nonce) >= Decimal(last) and nonce != last)

    asked.compared(wrong, other)


@defect("nonce-by-address-as-sent", "CE-NONCE-LETTER-CASE", kind=Kind.SECURITY, calls=2)
def by_address_as_sent(wrong: Wrong) -> None:
    def as_sent(self: Callers, sender: Credentials, right: asked.Spending) -> Caller:
        caller = right()
        claim = NonceClaim(sender.consumer_address, sender.nonce)
        return replace(caller, claim=claim if caller.claim else None)

    asked.spending(wrong, asked.START, as_sent)
    wrong.patch(Callers, "_fresh", lambda self, address, value: None)


@defect("stop-may-be-sent-again", "CE-NONCE-STOP-REPLAY", kind=Kind.SECURITY, calls=3)
def stop_again(wrong: Wrong) -> None:
    asked.free(wrong, asked.STOP)


@defect("delete-may-be-sent-again", "CE-NONCE-DELETE-REPLAY", kind=Kind.SECURITY, calls=3)
def delete_again(wrong: Wrong) -> None:
    asked.free(wrong, asked.DELETE)


@defect("status-uses-nonce-up", "CE-NONCE-STATUS", calls=3)
def status_pays(wrong: Wrong) -> None:
    right = Callers.reading

    def paying(self: Callers, sender: Credentials, *told: Any) -> Caller | None:
        caller = right(self, sender, *told)
        if caller and sender.nonce:
            asked.keep(self, NonceClaim(sender.address, sender.nonce))
        return caller

    wrong.patch(Callers, "reading", paying)


# What is told of the last one


@defect("nonce-always-1", "CE-NONCE-NOT-BELOW", calls=2)
def always_1(wrong: Wrong) -> None:
    wrong.patch(identities, "shown_nonce", lambda last: 1)


@defect("nonce-handed-out", "CE-NONCE-NEXT", calls=3)
def handed_out(wrong: Wrong) -> None:
    """Whoever asks for the last one is meant to have taken the next."""
    right = NonceResource.on_get

    def on_get(self: NonceResource, req: falcon.Request, resp: falcon.Response) -> None:
        right(self, req, resp)
        address = checksum_address(str(req.params["userAddress"]))
        last = self._its.store.last_nonce(address)
        if last is not None:
            asked.keep(self._its.callers, NonceClaim(address, str(Decimal(last) + 1)))

    wrong.patch(NonceResource, "on_get", on_get)


@defect("nonce-told-by-address-as-sent", "CE-NONCE-TOLD-LETTER-CASE", calls=2)
def told_as_sent(wrong: Wrong) -> None:
    wrong.patch(identities, "checksum_address", lambda address: address)


@defect("nonce-of-any-size", "CE-NONCE-LOCKOUT", calls=3)
def of_any_size(wrong: Wrong) -> None:
    def read(text: str) -> Decimal:
        return (
            Decimal(text)
            if text.isascii() and text.isdecimal() and len(text) in range(10, 30)
            else parse_nonce(text)
        )

    asked.nonces_read(wrong, read)


# Refused calls


@defect("stop-paid-before-it-is-refused", "CE-NONCE-REFUSED-STOP", calls=2)
def stop_paid_first(wrong: Wrong) -> None:
    asked.paid_first(wrong, asked.STOP)


@defect("nonce-kept-of-unsigned-calls", "CE-NONCE-UNSIGNED", kind=Kind.SECURITY, calls=3)
def kept_unsigned(wrong: Wrong) -> None:
    held: list[Callers] = []
    right = Callers.__init__

    def made(self: Callers, *told: Any, **options: Any) -> None:
        right(self, *told, **options)
        held.append(self)

    def note(request: webob.Request) -> None:
        if request.method == "PUT" and request.path.endswith("/compute"):
            said = dict(request.GET)
            if (
                said.get("nonce")
                and not said.get("signature")
                and "AuthToken" not in request.headers
            ):
                _keep_if_new(held[0], said["consumerAddress"], said["nonce"])

    wrong.patch(Callers, "__init__", made)
    wrong.requests(note)


def _keep_if_new(who: Callers, address: str, nonce: str) -> None:
    try:
        asked.keep(who, NonceClaim(checksum_address(address), str(parse_nonce(nonce))))
    except (NonceUsed, Malformed):
        return


@defect("nonce-kept-of-forged-calls", "CE-NONCE-FORGED", kind=Kind.SECURITY, calls=3)
def kept_forged(wrong: Wrong) -> None:
    def keeping(self: Callers, sender: Credentials, right: asked.Spending) -> Caller:
        try:
            return right()
        except SignatureInvalid:
            _keep_if_new(self, sender.consumer_address, sender.nonce)
            raise

    asked.spending(wrong, asked.DELETE, keeping)


# One call's signature in another


@defect("nonces-of-starts-apart", "CE-SIGN-START-AS-DELETE", kind=Kind.SECURITY, calls=2)
def starts_apart(wrong: Wrong) -> None:
    asked.apart(wrong, asked.START)


@defect("nonces-of-stops-apart", "CE-SIGN-STOP-AS-DELETE", kind=Kind.SECURITY, calls=3)
def stops_apart(wrong: Wrong) -> None:
    asked.apart(wrong, asked.STOP)


# At once


@defect("nonce-compared-before-it-is-kept", "CE-NONCE-PARALLEL", kind=Kind.SECURITY, calls=8)
def compared_before(wrong: Wrong) -> None:
    right = Callers._fresh

    def slowly(self: Callers, address: str, value: Decimal) -> None:
        right(self, address, value)
        time.sleep(asked.MOMENT)

    def spend(self: Ledger, claim: NonceClaim | None) -> None:
        if claim is not None:
            self._nonces.put(claim.address, {"nonce": claim.nonce})

    wrong.patch(Callers, "_fresh", slowly)
    wrong.patch(Ledger, "spend", spend)
