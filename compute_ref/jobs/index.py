"""Which jobs there are, by owner, document and order: small, in memory, in order of acceptance."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from compute_ref.jobs.journal import Entry
from compute_ref.jobs.model import Status

JOB_FIELDS: Final = ("owner", "documentId", "agreementId", "status", "deleting")


class Known(NamedTuple):
    """What the index knows of one job."""

    owner: str
    document_id: str
    agreement_id: str
    status: int
    deleting: bool


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to find; conditions that are None match all, the others narrow each other.

    `agreement_id` matches an order with or without ``0x`` in any case, or a documentId
    (callers of ocean.js pass both, reading R2).
    """

    job_id: str | None = None
    owner: str | None = None
    document_id: str | None = None
    agreement_id: str | None = None

    def matches(self, job_id: str, known: Known) -> bool:
        """Whether a job is meant; one that is being deleted never is."""
        return (
            not known.deleting
            and self.job_id in (None, job_id)
            and self.owner in (None, known.owner)
            and self.document_id in (None, known.document_id)
            and (
                self.agreement_id is None
                or self.agreement_id == known.document_id
                or plain_order(self.agreement_id) == plain_order(known.agreement_id)
            )
        )


def plain_order(transaction: str) -> str:
    """An order's text without ``0x`` and case."""
    return transaction.lower().removeprefix("0x")


class JobIndex:
    """Kept by the journal's `watch`, under the journal's lock, which readers hold too."""

    def __init__(self) -> None:
        self.jobs: dict[str, Known] = {}
        self.queued: Counter[str] = Counter()
        self.queued_in_all = 0
        self._by: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)

    def watch(self, table: str, key: str, entry: Entry | None) -> None:
        """Take note of one changed entry of the journal."""
        if table != "jobs":
            return
        new = Known(*entry.fields) if entry else None
        old = self.jobs.get(key)
        if old and (new is None or _places(old) != _places(new)):
            self._leave(key, old)
        if new and (old is None or _places(old) != _places(new)):
            for place in _places(new):
                self._by[place][key] = None
        self._count(old, -1)
        self._count(new, +1)
        if new:
            self.jobs[key] = new
        else:
            self.jobs.pop(key, None)

    def find(self, wanted: JobFilter) -> Iterator[str]:
        """Ids of the jobs wanted, newest first."""
        return (
            job_id
            for job_id in reversed(self._candidates(wanted))
            if (known := self.jobs.get(job_id)) and wanted.matches(job_id, known)
        )

    def unfinished(self) -> list[str]:
        """Ids of jobs that are not final or being deleted, oldest first."""
        return [
            job_id
            for job_id, known in self.jobs.items()
            if known.deleting or not Status(known.status).final
        ]

    def _candidates(self, wanted: JobFilter) -> Any:
        if wanted.job_id is not None:
            return [wanted.job_id]
        groups: list[Any] = []
        if wanted.agreement_id is not None:
            # A text is an order's or a documentId's, never both: one of the groups is empty.
            orders = self._by.get(("order", plain_order(wanted.agreement_id)), {})
            groups.append(orders or self._by.get(("document", wanted.agreement_id), {}))
        if wanted.owner is not None:
            groups.append(self._by.get(("owner", wanted.owner), {}))
        if wanted.document_id is not None:
            groups.append(self._by.get(("document", wanted.document_id), {}))
        return min(groups, key=len) if groups else self.jobs

    def _leave(self, key: str, known: Known) -> None:
        for place in _places(known):
            group = self._by.get(place, {})
            group.pop(key, None)
            if not group:
                self._by.pop(place, None)

    def _count(self, known: Known | None, step: int) -> None:
        if known is None or known.deleting or known.status != Status.WARMING_UP:
            return
        self.queued_in_all += step
        self.queued[known.owner] += step
        if not self.queued[known.owner]:
            del self.queued[known.owner]


def _places(known: Known) -> Iterable[tuple[str, str]]:
    return (
        ("owner", known.owner),
        ("document", known.document_id),
        ("order", plain_order(known.agreement_id)),
    )
