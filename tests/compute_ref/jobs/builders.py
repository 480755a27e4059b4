"""What the tests of the store are made of: jobs, plans, nonces."""

from __future__ import annotations

from typing import Final

from compute_ref.assets.plan import Algorithm, Order, Plan
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.model import Job, Passage, Status
from compute_ref.settings import Queue

OWNER: Final = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
DOCUMENT: Final = "did:op:" + "1" * 64
ROOMY: Final = Queue(max_queued=10**6, max_queued_per_owner=10**6)


def job(name: str, owner: str = OWNER, order: str = "0x1", created: float = 1.0) -> Job:
    return Job(
        job_id=name,
        owner=owner,
        document_id=DOCUMENT,
        agreement_id=order,
        environment="local",
        algo_did="raw",
        input_dids=(DOCUMENT,),
        created=created,
        history=(Passage(1, Status.WARMING_UP, created),),
    )


def plan(order: str = "0x1", service: str = "compute") -> Plan:
    algorithm = Algorithm("raw", "", None, (), "true", "sh", "", "", "")
    bound = Order(order, "did", service, OWNER, 0, "dataset.serviceId", "order_invalid")
    return Plan("local", (), algorithm, (bound,), False, None, {})


def claim(nonce: str) -> NonceClaim:
    return NonceClaim(OWNER, nonce)
