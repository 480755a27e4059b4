"""Data folders with many jobs, their records as the API makes them.

One real job is run with the kit (500 bytes of code, eight passages, three results with their
checksums); its records, under other names, are stored as often as wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from compute_ref.assets.plan import Plan
from compute_ref.clock import Clock
from compute_ref.identity.keys import Account
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.settings import Queue
from compute_ref.testing.kit import compute_app

CODE: Final = "instant: write answer.txt 42\n".ljust(500, "#")
OF_FEW, OF_MANY = 100, 10_000  # jobs of the two owners who are asked for
SOME, A_LOT = 1_000, 100_000
ROOMY: Final = Queue(max_queued=10**9, max_queued_per_owner=10**9)


@dataclass(frozen=True)
class Stored:
    """A data folder with so many jobs; `one` is a job of `few`, who has a hundred at most.

    `many` has ten thousand, where there are so many.
    """

    folder: Path
    count: int
    few: Account
    many: Account
    one: str


def stored(folder: Path, count: int) -> Stored:
    """Make the folder with `count` jobs, at least one."""
    template, plan = real_job()
    few, many = Account.create(), Account.create()
    store = Store.open(folder, Clock(), sync=False)
    try:
        for number in range(count):
            owner = owner_of(number, count, few, many)
            keep(store, numbered(template, number, owner), plan, number)
    finally:
        store.close()
    return Stored(folder, count, few, many, numbered(template, 0, few.address).job_id)


def real_job() -> tuple[Job, Plan]:
    """A job that the server ran, as it is stored."""
    with compute_app() as app:
        (started,) = app.consumer().start(CODE).json
        app.finished(started["jobId"])
        store = app.app.services.store
        job, plan = store.get(started["jobId"]), store.plan(started["jobId"])
    assert (len(job.history), len(job.results)) == (8, 3), job
    return job, plan


def owner_of(number: int, count: int, few: Account, many: Account) -> str:
    """The first hundred are of one owner, the last ten thousand of one, the others of many."""
    if number < OF_FEW:
        return few.address
    if number >= count - OF_MANY and count > OF_MANY:
        return many.address
    return f"0x{number:040x}"


def numbered(template: Job, number: int, owner: str) -> Job:
    """The same job under another name, of another owner."""
    job_id = f"{number:0{len(template.job_id) - 1}x}{template.job_id[-1]}"
    return replace(template, job_id=job_id, owner=owner, agreement_id=f"0x{number:064x}")


def keep(store: Store, job: Job, plan: Plan, number: int) -> None:
    """Store a job with the nonce and the order that pay for it."""
    orders = tuple(
        replace(order, transaction=job.agreement_id, consumer=job.owner) for order in plan.orders
    )
    claim = NonceClaim(job.owner, str(number + 1))
    store.accept(job, replace(plan, orders=orders), claim, ROOMY)
