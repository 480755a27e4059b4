"""Servers to which one consent is good for another call, or for the same one once more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from compute_ref.http import beside, result
from compute_ref.http.beside import NO_TOKEN
from compute_ref.http.compute import ComputeResource
from compute_ref.identity import callers
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.nonces import NonceClaim, shown_nonce
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import Refused, SignatureInvalid
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.restart import kept

# A message with fewer parts


def _bare(wrong: Wrong, call: str) -> None:
    """Take address and nonce alone for leave."""
    asked.tried(wrong, call, lambda *parts: [(parts[-1],)])


@defect("start-signed-for-nothing", "CE-SIGN-START-OTHER-DATASET", kind=Kind.SECURITY)
def bare_start(wrong: Wrong) -> None:
    _bare(wrong, asked.START)


@defect("stop-signed-for-nothing", "CE-SIGN-STOP-OTHER-JOB", kind=Kind.SECURITY, calls=2)
def bare_stop(wrong: Wrong) -> None:
    _bare(wrong, asked.STOP)


@defect("delete-signed-for-nothing", "CE-SIGN-DELETE-OTHER-JOB", kind=Kind.SECURITY, calls=2)
def bare_delete(wrong: Wrong) -> None:
    _bare(wrong, asked.DELETE)


@defect("result-signed-for-nothing", "CE-SIGN-RESULT-OTHER-JOB", kind=Kind.SECURITY, calls=3)
def bare_download(wrong: Wrong) -> None:
    asked.tried(wrong, asked.RESULT, lambda *parts: [parts[1:]])


# Stops and deletes whose nonce is not signed, or not sent


@defect("last-nonce-implied-in-a-delete", "CE-SIGN-STOP-AS-DELETE", kind=Kind.SECURITY, calls=3)
def last_nonce_implied(wrong: Wrong) -> None:
    usual = Callers.deleting

    def deleting(
        self: Callers, sender: Credentials, job_id: str, document_id: str, own: Callable[[], bool]
    ) -> Caller:
        try:
            return usual(self, sender, job_id, document_id, own)
        except SignatureInvalid:
            if sender.nonce or not own():
                raise
            last = str(shown_nonce(self._book.last_nonce(sender.address)))
            callers._proven(sender, job_id, document_id, last)
            return Caller(sender.address, None)

    wrong.patch(Callers, "deleting", deleting)


@defect("implied-nonce-not-kept", "CE-DELETE-IMPLIED-NONCE", calls=3)
def implied_notkept(wrong: Wrong) -> None:
    usual = Callers.deleting

    def deleting(self: Callers, sender: Credentials, *more: Any) -> Caller:
        caller = usual(self, sender, *more)
        return caller if sender.nonce else replace(caller, claim=None)

    wrong.patch(Callers, "deleting", deleting)


@defect("nonce-kept-that-a-stop-does-not-sign", "CE-STOP-SHORT-NONCE", kind=Kind.SECURITY, calls=3)
def unsignedkept(wrong: Wrong) -> None:
    usual = Callers.stopping

    def stopping(self: Callers, sender: Credentials, *more: Any) -> Caller:
        caller = usual(self, sender, *more)
        short = caller.claim is None and not caller.by_token and sender.nonce
        return replace(caller, claim=NonceClaim(sender.address, sender.nonce)) if short else caller

    wrong.patch(Callers, "stopping", stopping)


@defect("short-stop-in-every-run", "CE-STOP-SHORT-REPLAY", kind=Kind.SECURITY, calls=4)
def short_for_ever(wrong: Wrong) -> None:
    usual = Callers.stopping

    def stopping(
        self: Callers, sender: Credentials, job_id: str, document_id: str, _: Callable[[], bool]
    ) -> Caller:
        return usual(self, sender, job_id, document_id, lambda: True)

    wrong.patch(Callers, "stopping", stopping)


# Nonces and orders


@defect("conditional-download-is-free", "CE-RESULT-CONDITION-NONCE", kind=Kind.SECURITY, calls=4)
def conditional_is_free(wrong: Wrong) -> None:
    usual = result.ResultResource._answer

    def answer(self: Any, req: Any, resp: Any, *, spend: bool) -> None:
        usual(self, req, resp, spend=spend and not req.get_header("If-None-Match"))

    wrong.patch(result.ResultResource, "_answer", answer)


@defect("refused-order-uses-the-nonce-up", "CE-ORDER-REFUSED-NONCE", calls=3)
def refused_order_pays(wrong: Wrong) -> None:
    usual = ComputeResource._start

    def start(self: Any, wanted: Any, caller: Caller) -> Job:
        try:
            return usual(self, wanted, caller)
        except Refused as refused:
            if isinstance(refused.reason, dict) and "order_invalid" in refused.reason.values():
                self._its.store.ask_stop([], caller.claim)
            raise

    wrong.patch(ComputeResource, "_start", start)


@defect("restart-frees-the-earlier-order", "CE-RESTART-OLD-ORDER", kind=Kind.SECURITY, calls=4)
def earlier_order_freed(wrong: Wrong) -> None:
    usual = Store.restart

    def restart(self: Any, job_id: str, owner: str, plan: Any, *more: Any) -> Job:
        before = {order.transaction for order in self.plan(job_id).orders}
        job = usual(self, job_id, owner, plan, *more)
        with self._durable():
            self._ledger._orders.drop(before - {order.transaction for order in plan.orders})
        return job

    wrong.patch(Store, "restart", restart)


@defect("agreement-of-the-first-run", "CE-RESTART-AGREEMENT", kind=Kind.SHAPE, calls=3)
def first_agreement(wrong: Wrong) -> None:
    kept(wrong, "agreement_id")


@defect("one-valid-order-for-all", "CE-ORDER-QUOTED", calls=4)
def one_for_all(wrong: Wrong) -> None:
    wrong.patch(
        beside, "_quoted", lambda _: {"datatoken": NO_TOKEN, "validOrder": "0x" + "ab" * 32}
    )


@defect("restart-keeps-the-reason", "CE-RESTART-REASON", kind=Kind.SHAPE, calls=3)
def reasonkept(wrong: Wrong) -> None:
    kept(wrong, "finish_reason")


@defect("restart-keeps-the-exit-code", "CE-RESTART-REASON", kind=Kind.SHAPE, calls=3)
def exit_codekept(wrong: Wrong) -> None:
    kept(wrong, "exit_code")


@defect("stopped-jobs-are-over", "CE-RESTART-STOPPED", calls=5)
def stopped_are_over(wrong: Wrong) -> None:
    usual = ComputeResource._restart

    def restart(self: Any, job_id: str, wanted: Any, caller: Caller) -> Job:
        if any(job.stop_request for job in self._own(caller.address, job_id)):
            raise Refused({"jobId": "not_final"})
        return usual(self, job_id, wanted, caller)

    wrong.patch(ComputeResource, "_restart", restart)
