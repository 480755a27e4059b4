"""A journal's changes, one after the other, and what a crash between any two calls may leave."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple

from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.entries import Entry
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import Change
from tests.compute_ref.jobs.fallible import Call, FallibleDisk, Inode, Pick, least, most

Contents = dict[tuple[str, str], dict[str, Any]]

LONG: Final = "x" * 700  # more than a page of the disk
LOOKING: Final = {"read", "load", "open", "close"}  # changes nothing that a crash could leave


def ignore(table: str, key: str, entry: Entry | None) -> None:
    """No index is kept."""


def opened(disk: FallibleDisk, *, sync: bool = True) -> Journal:
    """The journal of a disk, as the folder opens it, without a checkpoint."""
    journal = Journal(disk.open(JOURNAL), summaries={}, watch=ignore, sync=sync)
    disk.sync()
    return journal


def contents(journal: Journal) -> Contents:
    """Every document, read from the file."""
    return {
        (table, key): journal.document(table, key) or {}
        for table, entries in journal.tables.items()
        for key in entries
    }


def picks(seed: int, count: int) -> Iterator[Pick]:
    """What may come true: the least, the most, and something in between, `count` times."""
    yield least
    yield most
    for number in range(count):
        yield Random(f"{seed} {number}").randrange


class Cut(NamedTuple):
    """The disk before a call, and which state had been promised and reached by then."""

    call: Call
    disk: FallibleDisk
    promised: int
    reached: int


class History:
    """What a journal went through. `states` are its contents after each change, from none on."""

    def __init__(self, disk: FallibleDisk) -> None:
        self.disk = disk
        self.journal = opened(disk)
        self.states: list[Contents] = [{}]
        self.promised = 0  #: number of the last state that was acknowledged as durable
        self.cuts: list[Cut] = []

    def change(self, *changes: Change, wait: bool = False) -> None:
        """Apply a record; `wait` for its being durable."""
        with self.journal.lock:
            ticket = self.journal.apply(changes)
            number = len(self.states)
            self.states.append(changed(self.states[-1], changes))
        if wait:
            self.journal.wait_durable(ticket)
            self.promised = max(self.promised, number)

    def remember(self, call: Call) -> None:
        """Keep the disk as it is; to be called before each call."""
        if call.what not in LOOKING:
            promised, reached = self.promised, len(self.states) - 1
            self.cuts.append(Cut(call, self.disk.as_seen(), promised, reached))

    def check_all_cuts(self, count: int) -> None:
        """After a crash at each call kept nothing is missing, and nothing half there.

        A power cut, whatever it leaves, takes nothing that was promised; the end of the process
        takes nothing at all.
        """
        self.remember(Call("the end", JOURNAL))
        assert len(self.cuts) > 1
        for seed, cut in enumerate(self.cuts):
            for pick in picks(seed, count):
                found = contents(opened(cut.disk.after_power_cut(pick)))
                assert found in self.states[cut.promised : cut.reached + 2], cut
            found = contents(opened(cut.disk))
            assert found in self.states[cut.reached : cut.reached + 2], cut


def changed(state: Contents, changes: tuple[Change, ...]) -> Contents:
    """`state` after one record, the slow way."""
    after = dict(state)
    for table, key, document in changes:
        after.pop((table, key), None)
        if document is not None:
            after[table, key] = document
    return after


def put(key: str, text: str = "", table: str = "jobs") -> Change:
    return table, key, {"text": text}


def data_of(disk: FallibleDisk) -> bytes:
    return bytes(disk.files[JOURNAL].data)


def holding(data: bytes) -> FallibleDisk:
    return FallibleDisk({JOURNAL: Inode.holding(data)})


def written(*records: list[Change], close: bool = False) -> tuple[bytes, list[int]]:
    """The file of a server that wrote these, each waited for, and where each record begins."""
    disk = FallibleDisk()
    journal = opened(disk)
    places = []
    for record in records:
        places.append(journal.end)
        journal.wait_durable(journal.apply(record))
    places.append(journal.end)
    if close:
        journal.close()
    return data_of(disk), places
