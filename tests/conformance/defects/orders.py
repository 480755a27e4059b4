"""Servers that let one order pay twice, or not even once more where it may."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from compute_ref.assets import admission
from compute_ref.assets.admission import Admission
from compute_ref.assets.datasets import dataset_order
from compute_ref.assets.plan import Order
from compute_ref.jobs import ledger
from compute_ref.jobs.ledger import Ledger
from compute_ref.jobs.store import Store
from compute_ref.refusals import Refused
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.fields import fresh_order

Body = dict[str, Any]


@defect("order-stays-in-use-by-ended-jobs", "CE-ORDER-AGAIN", calls=3)
def order_stays_in_use(wrong: Wrong) -> None:
    bound: set[str] = set()
    start = Store.accept

    def accept(self: Any, job: Any, plan: Any, *more: Any) -> None:
        if job.agreement_id in bound:
            raise Refused("`agreementId` already in use for other job.")
        start(self, job, plan, *more)
        bound.add(job.agreement_id)

    wrong.patch(Store, "accept", accept)


@defect("malformed-orders-are-taken", "CE-ORDER-FORM")
def malformed_orders_are_taken(wrong: Wrong) -> None:
    def change(body: Body) -> None:
        dataset = body.get("dataset")
        order = dataset.get("transferTxId") if isinstance(dataset, dict) else None
        if isinstance(order, str) and order and not re.fullmatch("0x[0-9a-fA-F]{1,64}", order):
            body["dataset"]["transferTxId"] = fresh_order()

    wrong.starts(change)


@defect("malformed-orders-are-refused-in-a-sentence", "CE-ORDER-FORM-NAMED", kind=Kind.SHAPE)
def malformed_orders_in_a_sentence(wrong: Wrong) -> None:
    def rewrite(refusal: Body) -> Body | None:
        named = list(refusal.get("errors", ())) == ["dataset.transferTxId"]
        return {"error": "Transaction not found."} if named else None

    wrong.refusals(rewrite)


def bound_to(wrong: Wrong, document: bool, service: bool, consumer: bool) -> None:
    """Bind orders to only some of what they paid for."""

    def binding(order: Order) -> tuple[str, str, str]:
        return (
            order.document_id if document else "",
            order.service_id if service else "",
            order.consumer if consumer else "",
        )

    wrong.patch(ledger, "_binding", binding)


@defect("orders-are-anybodys", "CE-ORDER-OTHER-CONSUMER", kind=Kind.SECURITY, calls=2)
def orders_are_anybodys(wrong: Wrong) -> None:
    bound_to(wrong, document=True, service=True, consumer=False)


@defect("orders-pay-for-any-dataset", "CE-ORDER-OTHER-DATASET", kind=Kind.SECURITY, calls=2)
def orders_pay_for_any_dataset(wrong: Wrong) -> None:
    bound_to(wrong, document=False, service=True, consumer=True)


@defect("orders-pay-for-any-service", "CE-ORDER-OTHER-SERVICE", kind=Kind.SECURITY, calls=2)
def orders_pay_for_any_service(wrong: Wrong) -> None:
    bound_to(wrong, document=True, service=False, consumer=True)


@defect("orders-are-compared-by-letter", "CE-ORDER-CASE", kind=Kind.SECURITY, calls=2)
def orders_by_letter(wrong: Wrong) -> None:
    real = dataset_order

    def exact(asset: Any, *more: Any) -> Order:
        return replace(real(asset, *more), transaction=asset.transaction)

    wrong.patch(admission, "dataset_order", exact)


@defect("datasets-of-one-start-share-an-order", "CE-ORDER-TWICE-IN-ONE", kind=Kind.SECURITY)
def datasets_share_an_order(wrong: Wrong) -> None:
    _sharing(wrong, "dataset")


@defect(
    "algorithms-share-their-datasets-order", "CE-ORDER-DATASET-AND-ALGORITHM", kind=Kind.SECURITY
)
def algorithms_share_orders(wrong: Wrong) -> None:
    _sharing(wrong, "algorithm")


def _sharing(wrong: Wrong, kind: str) -> None:
    """Bind an order once for each start, whatever else of this kind names it in the same one."""
    bind = Ledger.bind

    def once(self: Any, orders: Iterable[Order], now: float) -> None:
        kept: dict[str, Order] = {}
        for order in orders:
            shared = order.transaction in kept and order.resource.startswith(kind)
            kept.setdefault(f"{order.transaction}{'' if shared else order.resource}", order)
            kept.setdefault(order.transaction, order)
        bind(self, list(dict.fromkeys(kept.values())), now)

    wrong.patch(Ledger, "bind", once)


@defect("orders-of-algorithms-are-not-bound", "CE-ORDER-ALGORITHM", kind=Kind.SECURITY, calls=2)
def algorithm_orders_are_not_bound(wrong: Wrong) -> None:
    real = Ledger.bind

    def some(self: Any, orders: Iterable[Order], now: float) -> None:
        real(self, [order for order in orders if order.resource != "algorithm"], now)

    wrong.patch(Ledger, "bind", some)


@defect("orders-are-bound-while-checking", "CE-ORDER-REFUSED-START", calls=3)
def orders_are_bound_while_checking(wrong: Wrong) -> None:
    check = Admission._check_order

    def eager(self: Any, order: Order) -> None:
        check(self, order)
        store = self._orders
        with store._durable():
            store._ledger.bind([order], store._clock.now())

    wrong.patch(Admission, "_check_order", eager)


@defect("orders-are-freed-with-their-job", "CE-ORDER-OUTLIVES-JOB", kind=Kind.SECURITY, calls=4)
def orders_are_freed(wrong: Wrong) -> None:
    remove = Store.remove

    def free(self: Any, job_id: str) -> None:
        orders = [order.transaction for order in self.plan(job_id).orders]
        remove(self, job_id)
        with self._durable():
            self._ledger._orders.drop(orders)

    wrong.patch(Store, "remove", free)


class Meeting:
    """Lets several calls with the same key go on together, as a race at its worst would."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._there: dict[str, int] = {}

    def join(self, key: str) -> None:
        """Wait a moment for another call with this key."""
        with self._changed:
            self._there[key] = self._there.get(key, 0) + 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._there[key] > 1, 0.02)


@defect("orders-are-checked-then-bound", "CE-ORDER-RACE", kind=Kind.SECURITY, calls=2)
def orders_are_checked_then_bound(wrong: Wrong) -> None:
    check, meeting = Admission._check_order, Meeting()

    def slowly(self: Any, order: Order) -> None:
        check(self, order)
        if self._orders._ledger._orders.read(order.transaction) is None:
            meeting.join(order.transaction)

    bind, refuses, inside = Ledger.bind, Ledger.refuses, threading.local()

    def unchecked(self: Any, orders: Iterable[Order], now: float) -> None:
        inside.binding = len({order.transaction for order in orders}) == len(list(orders))
        try:
            bind(self, orders, now)
        finally:
            inside.binding = False

    def trusting(self: Any, order: Order, now: float) -> bool:
        return not getattr(inside, "binding", False) and refuses(self, order, now)

    wrong.patch(Admission, "_check_order", slowly)
    wrong.patch(Ledger, "bind", unchecked)
    wrong.patch(Ledger, "refuses", trusting)


@defect("orders-are-refused-in-a-sentence", "CE-ORDER-CODE", kind=Kind.SHAPE)
def orders_refused_in_a_sentence(wrong: Wrong) -> None:
    def rewrite(refusal: Body) -> Body | None:
        invalid = refusal.get("error") == {"dataset.serviceId": "order_invalid"}
        return {"error": "Order invalid."} if invalid else None

    wrong.refusals(rewrite)
