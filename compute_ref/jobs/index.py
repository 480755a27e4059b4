"""Which jobs there are, by owner, document and order: small, in memory, in order of acceptance."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from compute_ref.jobs.entries import Entry
from compute_ref.jobs.model import FINAL, Status


class Known(NamedTuple):
    """What the index knows of one job; `created` is in Unix seconds."""

    owner: str
    document_id: str
    agreement_id: str
    status: int
    deleting: bool
    created: float

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Known:
        """From a job's document."""
        return cls(
            sys.intern(document["owner"]),
            sys.intern(document["documentId"]),
            document["agreementId"],
            document["status"],
            document["deleting"],
            document["created"],
        )

    @classmethod
    def again(cls, fields: Iterable[Any]) -> Known:
        """From its own fields."""
        return cls(*fields)

    @property
    def unfinished(self) -> bool:
        """Whether there is anything left to do."""
        return self.deleting or self.status not in FINAL

    @property
    def queued(self) -> bool:
        """Whether it waits for a place."""
        return self.status == Status.WARMING_UP and not self.deleting


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


def order_name(transaction: str) -> str:
    """An order's text in lower case, with ``0x``."""
    plain = transaction.lower()
    if not plain.startswith("0x"):
        return "0x" + plain
    return transaction if plain == transaction else plain


Ids = dict[str, None] | Sequence[str]


class Group:
    """Ids of jobs by one of their names; a lone id is kept bare, as most orders pay for one job."""

    def __init__(self) -> None:
        self._ids: dict[str, str | dict[str, None]] = {}

    def add(self, name: str, job_id: str) -> None:
        """Put a job under a name."""
        held = self._ids.setdefault(name, job_id)
        if isinstance(held, dict):
            held[job_id] = None
        elif held != job_id:
            self._ids[name] = {held: None, job_id: None}

    def discard(self, name: str, job_id: str) -> None:
        """Take a job from under a name."""
        held = self._ids.get(name)
        if isinstance(held, dict):
            held.pop(job_id, None)
        if not held or held == job_id:
            self._ids.pop(name, None)

    def __getitem__(self, name: str) -> Ids:
        """The ids under a name, in the order in which they came; none where there are none."""
        held = self._ids.get(name, ())
        return (held,) if isinstance(held, str) else held


class JobIndex:
    """Kept by the journal's `watch`, under the journal's lock, which readers hold too."""

    def __init__(self) -> None:
        self.jobs: dict[str, Known] = {}
        self.unfinished: dict[str, None] = {}
        self.queued: Counter[str] = Counter()
        self.queued_in_all = 0
        self._owners = Group()
        self._documents = Group()
        self._orders = Group()
        self._messages: dict[str, list[str]] = {}

    def watch(self, table: str, key: str, entry: Entry | None) -> None:
        """Take note of one changed entry of the journal."""
        if table == "jobs":
            self._watch_job(key, entry)
        elif table == "messages" and entry:
            self._messages.setdefault(entry.fields[0], []).append(key)

    def messages_of(self, job_id: str) -> Collection[str]:
        """Digests of the messages that are kept for a job."""
        return self._messages.get(job_id, ())

    def _watch_job(self, key: str, entry: Entry | None) -> None:
        old = self.jobs.get(key)
        new = cast(Known, entry.fields) if entry else None
        if new:
            self.jobs[key] = new
        else:
            self.jobs.pop(key, None)
            self._messages.pop(key, None)
        if new and new.unfinished:
            self.unfinished[key] = None
        else:
            self.unfinished.pop(key, None)
        self._place(key, _shown(old), _shown(new))
        self._count(old, -1)
        self._count(new, +1)

    def find(self, wanted: JobFilter) -> Iterator[str]:
        """Ids of the jobs wanted, newest first; those that are being deleted are left out.

        To pass over a job on the way costs next to nothing: a late page is like the first.
        """
        groups = self._groups(wanted)
        if not groups:
            return (job_id for job_id in reversed(self.jobs) if not self.jobs[job_id].deleting)
        smallest = min(groups, key=len)
        found: Iterator[str] = reversed(smallest)
        for group in groups:
            if group is not smallest:
                found = filter(group.__contains__, found)
        return found

    def _groups(self, wanted: JobFilter) -> list[Ids]:
        """What each condition leaves, oldest first."""
        groups: list[Ids] = []
        if wanted.agreement_id is not None:
            # A text is an order's or a documentId's, never both.
            orders = self._orders[order_name(wanted.agreement_id)]
            groups.append(self._by_age(orders) or self._documents[wanted.agreement_id])
        if wanted.job_id is not None:
            groups.append((wanted.job_id,) if _shown(self.jobs.get(wanted.job_id)) else ())
        if wanted.owner is not None:
            groups.append(self._owners[wanted.owner])
        if wanted.document_id is not None:
            groups.append(self._documents[wanted.document_id])
        return groups

    def _by_age(self, ids: Iterable[str]) -> list[str]:
        """Jobs of one order: a restart may have brought an old one late under it."""
        return sorted(ids, key=lambda job_id: self.jobs[job_id].created)

    def _place(self, key: str, old: Known | None, new: Known | None) -> None:
        for group, before, after in (
            (self._owners, old and old.owner, new and new.owner),
            (self._documents, old and old.document_id, new and new.document_id),
            (
                self._orders,
                old and order_name(old.agreement_id),
                new and order_name(new.agreement_id),
            ),
        ):
            if before == after:
                continue
            if before is not None:
                group.discard(before, key)
            if after is not None:
                group.add(after, key)

    def _count(self, known: Known | None, step: int) -> None:
        if known is None or not known.queued:
            return
        self.queued_in_all += step
        self.queued[known.owner] += step
        if not self.queued[known.owner]:
            del self.queued[known.owner]


def _shown(known: Known | None) -> Known | None:
    """A job as long as it may be found."""
    return None if known is None or known.deleting else known
