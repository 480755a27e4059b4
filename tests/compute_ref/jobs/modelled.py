"""A plain model of a store, and what can go wrong around one."""

from __future__ import annotations

import errno
from dataclasses import dataclass, field, fields
from random import Random
from typing import Any, Final

from hypothesis import strategies as st

from compute_ref.assets.plan import Plan
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.documents import from_document
from compute_ref.jobs.model import Job, Status
from compute_ref.jobs.store import Store
from compute_ref.refusals import JobUnknown, NonceUsed, QueueFull, Refused
from compute_ref.settings import Queue
from tests.compute_ref.jobs.builders import plan
from tests.compute_ref.jobs.fallible import Call, Failing, FallibleDisk
from tests.compute_ref.jobs.histories import LOOKING

OWNERS: Final = ("0xA", "0xB")
ORDERS: Final = ("0x1", "0x2", "0x3")
LIMITS: Final = Queue(max_queued=4, max_queued_per_owner=3)
FAILURES: Final = frozenset({"append", "sync", "truncate", "replace", "sync folder", "renew"})


@dataclass
class Model:
    """What a store holds, in the plainest way. Each method does what the store's does."""

    jobs: dict[str, Job] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    nonces: dict[str, str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)

    def copy(self) -> Model:
        return Model(*(dict(getattr(self, one.name)) for one in fields(self)))

    def get(self, name: str, *, deleting: bool = False) -> Job:
        one = self.jobs.get(name)
        if one is None or (one.deleting and not deleting):
            raise JobUnknown
        return one

    def spend(self, claim: NonceClaim | None) -> None:
        if claim is not None:
            if int(claim.nonce) <= int(self.nonces.get(claim.address, -1)):
                raise NonceUsed
            self.nonces[claim.address] = claim.nonce

    def begin(self, one: Job, its_plan: Plan) -> None:
        """Put a job in the queue, where it, its owner and its order have a place there."""
        waiting = [
            other.owner
            for other in self.jobs.values()
            if other.status is Status.WARMING_UP and not other.deleting
        ]
        if len(waiting) >= LIMITS.max_queued:
            raise QueueFull("full")
        if waiting.count(one.owner) >= LIMITS.max_queued_per_owner:
            raise QueueFull("full")
        (order,) = its_plan.orders
        if self.orders.setdefault(order.transaction, order.service_id) != order.service_id:
            raise Refused("order_invalid")
        self.jobs[one.job_id] = one
        self.plans[one.job_id] = its_plan


def observed(store: Store) -> Model:
    """What a store holds, by its tables."""

    def documents(table: str) -> dict[str, Any]:
        return {str(document.doc_id): dict(document) for document in store.db.table(table)}

    return Model(
        jobs={name: from_document(one) for name, one in documents("jobs").items()},
        plans={name: Plan.from_document(one) for name, one in documents("plans").items()},
        nonces={name: one["nonce"] for name, one in documents("nonces").items()},
        orders={name: one["serviceId"] for name, one in documents("orders").items()},
        messages={name: one["job"] for name, one in documents("messages").items()},
        tokens={name: one["expires"] for name, one in documents("tokens").items()},
    )


@dataclass
class Trouble:
    """What goes wrong during one step: a power cut at a call, or a call that fails; or nothing."""

    kind: str = "none"
    at: int = 0
    seed: int = 0
    left: FallibleDisk | None = None  #: what the power cut left

    def begin(self, disk: FallibleDisk) -> None:
        self.disk = disk
        self.failing = Failing(self.at, FAILURES, errno.ENOSPC)
        if self.kind == "power cut":
            disk.on_call = self._count
        elif self.kind == "failure":
            disk.on_call = self.failing

    @property
    def failed(self) -> bool:
        return self.failing.failed is not None

    def cut(self) -> None:
        self.left = self.disk.after_power_cut(Random(self.seed).randrange)

    def _count(self, call: Call) -> None:
        if call.what not in LOOKING:
            self.at -= 1
            if self.at == -1:
                self.cut()


troubles = st.one_of(
    st.builds(Trouble),
    st.builds(Trouble, st.just("power cut"), st.integers(0, 9), st.integers(0, 999)),
    st.builds(Trouble, st.just("failure"), st.integers(0, 5)),
)

Numbered = tuple[str, int]
"""An address, and how far its next nonce is above its last one; 0 is used."""

names = st.sampled_from([0, 0, 0, 1, 1, 2, 3])
sure_claims = st.tuples(st.sampled_from(OWNERS), st.sampled_from([1, 1, 1, 2, 0]))
claims = st.none() | sure_claims
plans = st.builds(
    plan, st.sampled_from(ORDERS), st.sampled_from(["compute", "compute", "compute", "access"])
)


def shown(one: Job) -> bool:
    return not one.deleting


def final(one: Job) -> bool:
    return one.final and not one.deleting
