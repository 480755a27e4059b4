"""Servers whose refusals of starts leave something, or come in the wrong order."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from compute_ref.assets.admission import Admission
from compute_ref.assets.datasets import resource
from compute_ref.assets.plan import Order, Plan
from compute_ref.assets.requests import AssetRequest, StartRequest
from compute_ref.http import compute
from compute_ref.http.compute import ComputeResource
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import EnvironmentUnknown, Refused, SignatureInvalid
from tests.conformance.defects.defect import Kind, Wrong, defect

Body = dict[str, Any]


@defect("job-is-stored-before-it-is-checked", "CE-START-REFUSED-NO-JOB", calls=2)
def job_is_stored_first(wrong: Wrong) -> None:
    start, plans = ComputeResource._start, list[Plan]()
    accept = Store.accept

    def remember(self: Store, job: Job, plan: Plan, *more: Any) -> None:
        accept(self, job, plan, *more)
        plans.append(plan)

    def stored(self: Any, wanted: Any, caller: Caller) -> Job:
        try:
            return start(self, wanted, caller)
        except Refused:
            for plan in plans[:1]:  # any other one will do for a record that nobody runs
                job = compute.new_job(plan, caller.address, self._its.clock.now())
                with self._its.store._durable():
                    self._its.store._put(job)
            raise

    wrong.patch(Store, "accept", remember)
    wrong.patch(ComputeResource, "_start", stored)


@defect("refused-start-uses-up-its-nonce", "CE-START-REFUSED-NONCE", calls=2)
def refused_start_uses_up_its_nonce(wrong: Wrong) -> None:
    start = ComputeResource._start

    def spending(self: Any, wanted: Any, caller: Caller) -> Job:
        try:
            return start(self, wanted, caller)
        except Refused:
            with self._its.store._durable():
                self._its.store._ledger.spend(caller.claim)
            raise

    wrong.patch(ComputeResource, "_start", spending)


@defect("signature-is-checked-last", "CE-START-IDENTITY-FIRST", kind=Kind.SECURITY)
def signature_is_checked_last(wrong: Wrong) -> None:
    spending, admit, doubts = Callers.spending, Admission.admit, threading.local()

    def later(self: Any, sender: Credentials, *parts: str) -> Caller:
        doubts.raised = None
        try:
            return spending(self, sender, *parts)
        except SignatureInvalid as invalid:
            doubts.raised = invalid
            return Caller(sender.address, None)

    def then(self: Any, request: StartRequest, consumer: str) -> Plan:
        plan = admit(self, request, consumer)
        if getattr(doubts, "raised", None):
            raise doubts.raised
        return plan

    wrong.patch(Callers, "spending", later)
    wrong.patch(Admission, "admit", then)


def checked_first(wrong: Wrong, look: Any) -> None:
    """Look at something of a request before everything else that is looked at."""
    checked = Admission._checked

    def reordered(self: Any, request: StartRequest, consumer: str | None) -> Plan:
        look(self, request, consumer)
        return checked(self, request, consumer)

    wrong.patch(Admission, "_checked", reordered)


def _look_for_documents(self: Admission, request: StartRequest, consumer: str | None) -> None:
    for place, asset in enumerate(request.datasets):
        if asset.document_id and self.ddo(asset.document_id) is None:
            raise Refused({f"{resource(place)}.documentId": "did_not_found"})


@defect("environment-is-looked-up-last", "CE-START-ENVIRONMENT-FIRST")
def environment_is_looked_up_last(wrong: Wrong) -> None:
    checked = Admission._checked

    def late(self: Any, request: StartRequest, consumer: str | None) -> Plan:
        try:
            self._environment(request)
        except EnvironmentUnknown:
            checked(self, replace(request, environment=""), consumer)
            raise
        return checked(self, request, consumer)

    wrong.patch(Admission, "_checked", late)


@defect("datasets-are-looked-up-before-the-algorithm", "CE-START-ALGORITHM-FIRST")
def datasets_before_algorithm(wrong: Wrong) -> None:
    def look(self: Admission, request: StartRequest, consumer: str | None) -> None:
        self._environment(request)
        _look_for_documents(self, request, consumer)

    checked_first(wrong, look)


def _order(asset: AssetRequest, consumer: str | None) -> Order:
    return Order(
        asset.transaction.lower(),
        asset.document_id,
        asset.service_id,
        consumer or "",
        0,
        "dataset.serviceId",
        "order_invalid",
    )


@defect("orders-are-checked-before-the-datasets", "CE-START-DATASETS-FIRST")
def orders_before_datasets(wrong: Wrong) -> None:
    def look(self: Admission, request: StartRequest, consumer: str | None) -> None:
        for asset in request.datasets:
            if asset.transaction and self._orders.order_refused(_order(asset, consumer)):
                raise Refused({"dataset.serviceId": "order_invalid"})

    checked_first(wrong, look)


@defect("further-datasets-are-checked-before-the-main-one", "CE-START-DATASETS-FIRST")
def further_before_main(wrong: Wrong) -> None:
    def look(self: Admission, request: StartRequest, consumer: str | None) -> None:
        for place, asset in enumerate(request.datasets[1:], 1):
            if asset.document_id and self.ddo(asset.document_id) is None:
                raise Refused({f"datasets[{place}].documentId": "did_not_found"})

    checked_first(wrong, look)
