"""Everything the server must not lose: jobs, plans, nonces, orders, revocations.

TinyDB is the database (``Store.db``, its query API included) over an append-only journal. What
an answer promises is on the disk before the answer leaves: acceptances, launch names, stop and
delete requests, final statuses, tokens. Other changes are written at once but not waited for: a
killed server loses none, a power cut may show an earlier status that is not final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from compute_ref.assets.plan import Order, Plan
from compute_ref.clock import Clock
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.documents import from_document, to_document
from compute_ref.jobs.entries import Entry, Kept, Summary
from compute_ref.jobs.files import Disk, MemoryFile
from compute_ref.jobs.folder import StoreFolder
from compute_ref.jobs.index import JobFilter, JobIndex, Known
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.ledger import Ledger
from compute_ref.jobs.model import Job, StopRequest
from compute_ref.jobs.recent import Recent
from compute_ref.jobs.tables import JournalDB, JournalStorage
from compute_ref.refusals import JobUnknown, NonceUsed, QueueFull, Refused
from compute_ref.settings import Queue

SUMMARIES: Final[Mapping[str, Summary]] = {
    "jobs": Known,
    "messages": Kept("job"),
    "tokens": Kept("expires"),
}
FEW: Final = 100  # results of a job that is kept in memory


class Store:
    """One server's records. Every method may be called from any thread."""

    def __init__(
        self, journal: Journal, index: JobIndex, clock: Clock, folder: StoreFolder | None
    ) -> None:
        self._storage = JournalStorage(journal)
        self.db = JournalDB(storage=lambda: self._storage)
        self._journal = journal
        self._index = index
        self._clock = clock
        self._folder = folder
        self._jobs = self.db.journal_table("jobs")
        self._plans = self.db.journal_table("plans")
        self._recent: Recent[str, Entry | None, Job] = Recent()
        self._ledger = Ledger(self.db)

    @classmethod
    def open(
        cls, path: Path, clock: Clock, *, sync: bool = True, disk: Disk | None = None
    ) -> Store:
        """The store of a data folder, made if new.

        Raises StoreLocked, StoreDamaged, StoreUnavailable or OSError; then nothing is left open.
        Without `sync` nothing waits for the disk. `disk` is what the files are reached through.
        """
        folder, index = StoreFolder(path, disk), JobIndex()
        with ExitStack() as failed:
            failed.callback(folder.release)
            store = cls(folder.journal(SUMMARIES, index.watch, sync), index, clock, folder)
            failed.callback(store.close)
            store.forget_tokens()
            failed.pop_all()
        return store

    @classmethod
    def in_memory(cls, clock: Clock) -> Store:
        """A store that ends with the process."""
        index = JobIndex()
        journal = Journal(MemoryFile(), summaries=SUMMARIES, watch=index.watch, sync=False)
        return cls(journal, index, clock, None)

    def close(self) -> None:
        """Write the index checkpoint and let go of the folder; twice is fine."""
        if self._folder is None:
            self._journal.close()
        else:
            self._folder.close(self._journal)

    def compact(self) -> None:
        """Write a new file of what is current, while the old one goes on taking changes.

        Nobody need call this: it happens in the background when the file has become twice as
        long as what is in it. Raises OSError, StoreUnavailable or StoreDamaged.
        """
        if self._folder is not None:
            self._folder.compact(self._journal)

    # Jobs

    def get(self, job_id: str, *, deleting: bool = False) -> Job:
        """The job, or JobUnknown; one that is being deleted only where `deleting` is true."""
        entry = self._storage.entry("jobs", job_id)
        job = self._recent.get(job_id, entry) or self._read(job_id, entry)
        if job is None or (job.deleting and not deleting):
            raise JobUnknown
        return job

    def find(self, wanted: JobFilter, limit: int = 1000, offset: int = 0) -> list[Job]:
        """Jobs, newest first: at most `limit` of them, after `offset` that are left out."""
        with self._journal.lock:
            self._journal.check()
            ids = list(islice(self._index.find(wanted), offset, offset + limit))
        return list(self._still_there(ids, deleting=False))

    def unfinished(self) -> list[Job]:
        """Jobs that are not final, and those being deleted; the run that began first is first."""
        with self._journal.lock:
            self._journal.check()
            ids = list(self._index.unfinished)
        return sorted(self._still_there(ids, deleting=True), key=run_began)

    def plan(self, job_id: str) -> Plan:
        """What the job's current run is to do, or JobUnknown."""
        document = self._plans.read(job_id)
        if document is None:
            raise JobUnknown
        return Plan.from_document(document)

    def accept(self, job: Job, plan: Plan, claim: NonceClaim | None, limits: Queue) -> None:
        """Keep a new job with what pays for it, in one durable record.

        Raises NonceUsed, QueueFull, Refused (an order bound elsewhere) or StoreUnavailable; then
        nothing is kept.
        """
        with self._durable():
            self._ledger.spend(claim)
            self._check_queue(job.owner, limits)
            self._ledger.bind(plan.orders, self._clock.now())
            self._put(job)
            self._plans.put(job.job_id, plan.to_document())

    def restart(
        self, job_id: str, owner: str, plan: Plan, claim: NonceClaim | None, limits: Queue
    ) -> Job:
        """Begin the next run of the owner's final job, in one durable record; returns the job."""
        with self._durable():
            job = self._own(job_id, owner)
            self._ledger.spend(claim)
            if not job.final:
                raise Refused({"jobId": "not_final"})
            self._check_queue(owner, limits)
            self._ledger.bind(plan.orders, self._clock.now())
            again = job.run_again(self._clock.now(), main_order(plan))
            self._put(again)
            self._plans.put(job_id, plan.to_document())
            return again

    def change(self, job_id: str, change: Callable[[Job], Job], *, sync: bool = False) -> Job:
        """Read, change and write one job; `sync` waits for the disk. Returns the changed job."""
        with self._journal.lock:
            with self._storage.batch():
                old = self.get(job_id, deleting=True)
                new = change(old)
                if new != old:
                    self._put(new)
            self._remember(new, self._storage.entry("jobs", job_id))
        if sync:
            self._journal.wait_durable(self._journal.ticket)
        self._tidy()
        return new

    def ask_stop(self, job_ids: Sequence[str], claim: NonceClaim | None) -> list[Job]:
        """Record a stop request for each job with the nonce that pays for it, durable."""
        with self._durable():
            self._ledger.spend(claim)
            return [
                self._changed(job_id, lambda job: job.stop_asked(StopRequest.ASKED))
                for job_id in job_ids
            ]

    def ask_delete(self, job_ids: Sequence[str], claim: NonceClaim | None) -> list[Job]:
        """Record the intent to delete each job with the nonce that pays for it, durable."""
        with self._durable():
            self._ledger.spend(claim)
            return [
                self._changed(job_id, lambda job: replace(job, deleting=True)) for job_id in job_ids
            ]

    def remove(self, job_id: str) -> None:
        """Forget the job and its plan, durable; what was spent on it stays spent."""
        with self._durable():
            self._ledger.forget(self._index.messages_of(job_id))
            self._jobs.drop([job_id])
            self._plans.drop([job_id])

    # Nonces, orders, tokens

    def last_nonce(self, address: str) -> str | None:
        """The last nonce accepted from `address`, as it was sent, or None."""
        return self._ledger.last_nonce(address)

    def message_used(self, digest: str) -> bool:
        """Whether the message of this digest was accepted and is never to be again."""
        return self._ledger.used(digest)

    def consume(
        self, claim: NonceClaim | None, job_id: str, digest: str, *, keep: bool = False
    ) -> None:
        """Spend a nonce, durable, or raise NonceUsed.

        `digest` is the message's; one that is kept, as long as the job is there, is never accepted
        again, however its index and nonce are told apart. `keep` keeps this one.
        """
        if claim is None:
            return
        with self._durable():
            self._ledger.spend(claim)
            self.get(job_id)  # a job that was deleted meanwhile is unknown
            if self._ledger.used(digest):
                raise NonceUsed
            if keep:
                self._ledger.use(digest, job_id)

    def order_refused(self, order: Order) -> bool:
        """Whether the order cannot be bound now; binds nothing."""
        return self._ledger.refuses(order, self._clock.now())

    def revoke(self, token_id: str, expires: float, claim: NonceClaim) -> None:
        """Revoke a token and spend the nonce, durable."""
        with self._durable():
            self._ledger.spend(claim)
            self._ledger.revoke(token_id, expires)

    def restore(self, token_id: str, claim: NonceClaim) -> None:
        """Lift a token's revocation and spend the nonce, durable."""
        with self._durable():
            self._ledger.spend(claim)
            self._ledger.restore(token_id)

    def is_revoked(self, token_id: str) -> bool:
        """Whether the token is revoked."""
        return self._ledger.is_revoked(token_id)

    def forget_tokens(self) -> None:
        """Drop revocations of tokens that have expired."""
        with self._storage.batch():
            self._ledger.forget_tokens(self._clock.now())

    @contextmanager
    def _durable(self) -> Iterator[None]:
        with self._storage.batch():
            yield
        self._journal.wait_durable(self._journal.ticket)
        self._tidy()

    def _tidy(self) -> None:
        if self._folder is not None:
            self._folder.tidy(self._journal)

    def _put(self, job: Job) -> None:
        self._jobs.put(job.job_id, to_document(job))

    def _read(self, job_id: str, entry: Entry | None) -> Job | None:
        """From the file; kept where it still is what `entry` stands for."""
        document = self._jobs.read(job_id)
        if document is None:
            return None
        job = from_document(document)
        if self._storage.entry("jobs", job_id) is entry:
            self._remember(job, entry)
        return job

    def _remember(self, job: Job, entry: Entry | None) -> None:
        """Keep a job that is small, for as long as `entry` stands for it."""
        if entry is not None and len(job.results) <= FEW:
            self._recent.keep(job.job_id, entry, job)

    def _still_there(self, ids: Iterable[str], *, deleting: bool) -> Iterator[Job]:
        for job_id in ids:
            with suppress(JobUnknown):  # removed since the index was asked
                yield self.get(job_id, deleting=deleting)

    def _changed(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        job = change(self.get(job_id))
        self._put(job)
        return job

    def _own(self, job_id: str, owner: str) -> Job:
        job = self.get(job_id)
        if job.owner != owner:
            raise JobUnknown
        return job

    def _check_queue(self, owner: str, limits: Queue) -> None:
        if self._index.queued_in_all >= limits.max_queued:
            raise QueueFull("The server's queue is full. Try again when jobs have started.", 30)
        if self._index.queued[owner] >= limits.max_queued_per_owner:
            raise QueueFull(
                "This consumer has as many jobs waiting as one may have. Try again"
                " when some have started, or delete some.",
                30,
            )


def main_order(plan: Plan) -> str:
    """The order of the main dataset, which the wire calls agreementId."""
    return plan.orders[0].transaction


def run_began(job: Job) -> float:
    """Unix seconds when the current run was accepted."""
    return next((passage.at for passage in job.history if passage.run == job.run), job.created)
