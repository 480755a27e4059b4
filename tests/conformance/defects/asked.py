"""Which call the server is answering, for defects of one call alone; and the ways into its code."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import webob

from compute_ref.http import compute, fields, result
from compute_ref.identity import callers
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.nonces import NonceClaim
from compute_ref.identity.signatures import recover
from compute_ref.jobs.ledger import Ledger
from compute_ref.refusals import Malformed, NonceUsed
from tests.conformance.defects.defect import Wrong

START: Final = "POST compute"
STATUS: Final = "GET compute"
STOP: Final = "PUT compute"
DELETE: Final = "DELETE compute"
RESULT: Final = "GET computeResult"
MAKE: Final = "GET createAuthToken"
REVOKE: Final = "DELETE deleteAuthToken"
MOMENT: Final = 0.02  # seconds in which others come who ask at the same time
Spending = Callable[[], Caller]


class Asked(threading.local):
    """The call of this thread: ``POST compute`` and the like, its parameters and headers."""

    call = ""
    said: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}


ASKED: Final = Asked()


def listen(wrong: Wrong) -> None:
    """Keep in mind what each call asks."""

    def note(request: webob.Request) -> None:
        ASKED.call = f"{request.method} {request.path.rpartition('/')[2]}"
        ASKED.said = dict(request.GET) or _body(request)
        ASKED.headers = dict(request.headers)

    wrong.requests(note)


def _body(request: webob.Request) -> Mapping[str, Any]:
    try:
        said = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def unverified(wrong: Wrong, call: str) -> None:
    """Take any signature in this call."""
    listen(wrong)
    proven = callers._proven

    def anybody(sender: Credentials, *parts: str) -> str:
        if ASKED.call == call:
            return f"{sender.address} {sender.nonce}"
        return proven(sender, *parts)

    wrong.patch(callers, "_proven", anybody)


def tried(wrong: Wrong, call: str, others: Callable[..., list[tuple[str, ...]]]) -> None:
    """Try other messages, too, in this call: `others` makes their parts of the right ones."""
    listen(wrong)
    proven = callers._proven

    def one_of(sender: Credentials, *parts: str) -> str:
        messages = others(*parts) if ASKED.call == call else []
        if any(_signer(sender, message) == sender.address for message in messages):
            return f"{sender.address} {sender.nonce}"
        return proven(sender, *parts)

    wrong.patch(callers, "_proven", one_of)


def _signer(sender: Credentials, parts: tuple[str, ...]) -> str | None:
    return recover("".join((sender.consumer_address, *parts)), sender.signature)


def spending(
    wrong: Wrong, call: str, instead: Callable[[Callers, Credentials, Spending], Caller]
) -> None:
    """Find the sender of this call otherwise; the last argument is the right way."""
    listen(wrong)
    right = Callers.spending

    def spent(self: Callers, sender: Credentials, job_id: str = "", further: str = "") -> Caller:
        if ASKED.call == call:
            return instead(self, sender, lambda: right(self, sender, job_id, further))
        return right(self, sender, job_id, further)

    wrong.patch(Callers, "spending", spent)


def unsigned(wrong: Wrong, call: str, empty: bool = False) -> None:
    """Take no signature, or only an empty one, for a good one in this call."""

    def anybody(self: Callers, sender: Credentials, right: Spending) -> Caller:
        if sender.signature or sender.token or (empty and "signature" not in ASKED.said):
            return right()
        return Caller(sender.address, None, "of nobody")

    spending(wrong, call, anybody)
    not_needed(wrong, "signature")


def not_needed(wrong: Wrong, *names: str) -> None:
    """Do not ask for these fields where the schema leaves them open."""
    for module in (compute, result):
        right = module.unless_token

        def needed(req: Any, *all_names: str, right: Any = right) -> tuple[str, ...]:
            return tuple(name for name in right(req, *all_names) if name not in names)

        wrong.patch(module, "unless_token", needed)


def free(wrong: Wrong, call: str, when: Callable[[], bool] = lambda: True) -> None:
    """Compare the nonce of this call, and do not keep it."""

    def unkept(self: Callers, sender: Credentials, right: Spending) -> Caller:
        return replace(right(), claim=None) if when() else right()

    spending(wrong, call, unkept)


def paid_first(wrong: Wrong, call: str, when: Callable[[], bool] = lambda: True) -> None:
    """Keep the nonce of this call before it is known whether the call is accepted."""

    def first(self: Callers, sender: Credentials, right: Spending) -> Caller:
        caller = right()
        if not when():
            return caller
        keep(self, caller.claim)
        return replace(caller, claim=None)

    spending(wrong, call, first)


def keep(who: Callers, claim: NonceClaim | None) -> None:
    """Keep a nonce at once."""
    store: Any = who._book
    with store._durable():
        store._ledger.spend(claim)


def nonces_read(wrong: Wrong, parse: Callable[[str], Decimal]) -> None:
    """Read nonces otherwise; ValueError refuses one."""

    def read(text: str) -> Decimal:
        try:
            return parse(text)
        except ValueError as error:
            raise Malformed({"nonce": [str(error)]}) from error

    for module in (fields, callers):
        wrong.patch(module, "parse_nonce", read)


def compared(wrong: Wrong, after: Callable[[str, str | None], bool]) -> None:
    """Accept a nonce where `after` says that it comes after the last one."""

    def fresh(self: Callers, address: str, value: Decimal) -> None:
        """Leave it to the ledger."""

    def spend(self: Ledger, claim: NonceClaim | None) -> None:
        if claim is None:
            return
        if not after(claim.nonce, self.last_nonce(claim.address)):
            raise NonceUsed
        self._nonces.put(claim.address, {"nonce": claim.nonce})

    wrong.patch(Callers, "_fresh", fresh)
    wrong.patch(Ledger, "spend", spend)


def apart(wrong: Wrong, *calls: str) -> None:
    """Keep the nonces of these calls apart from those of all others."""
    listen(wrong)
    right_last = Ledger.last_nonce

    def name(address: str) -> str:
        return f"{address} apart" if ASKED.call in calls else address

    def last(self: Ledger, address: str) -> str | None:
        if ASKED.call == "GET nonce":
            both = [right_last(self, address), right_last(self, f"{address} apart")]
            return max(filter(None, both), key=Decimal, default=None)
        return right_last(self, name(address))

    def spend(self: Ledger, claim: NonceClaim | None) -> None:
        if claim is not None:
            before = self.last_nonce(claim.address)
            if before is not None and claim.value <= Decimal(before):
                raise NonceUsed
            self._nonces.put(name(claim.address), {"nonce": claim.nonce})

    wrong.patch(Ledger, "last_nonce", last)
    wrong.patch(Ledger, "spend", spend)


def without_token(wrong: Wrong, call: str) -> None:
    """Overlook the AuthToken in this call."""

    def overlook(request: webob.Request) -> None:
        if f"{request.method} {request.path.rpartition('/')[2]}" == call:
            request.headers.pop("AuthToken", None)

    wrong.requests(overlook)


def downloads(wrong: Wrong, change: Callable[[webob.Response], None]) -> None:
    """Change each answer that is a download."""

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("computeResult") and response.status_int in {
            200,
            206,
        }:
            change(response)

    wrong.answers(rewrite)
