"""Compaction: a new file beside one that goes on, and no moment at which a crash loses anything."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import pytest

from compute_ref.jobs import compaction
from compute_ref.jobs.compaction import DRAFT, JOURNAL, compact
from compute_ref.jobs.files import Disk
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import Line, lines
from tests.compute_ref.jobs.fallible import (
    Call,
    FallibleDisk,
    least,
    nothing_happens,
)
from tests.compute_ref.jobs.histories import LONG, History, contents, ignore, opened, put

PATIENCE = 60  # seconds, after which something hangs


def never() -> bool:
    return False


def lived() -> History:
    """A history with something to leave out: documents replaced, removed, several in a record."""
    history = History(FallibleDisk())
    for number in range(10):
        history.change(put(f"k{number % 4}", f"{number} {LONG}"), put("last", str(number), "plans"))
    history.change(("jobs", "k1", None), wait=True)
    history.change(put("unsynced", LONG))
    return history


class Meanwhile:
    """Changes a history at each call of a compaction, as another thread of the server might.

    No more than `most` times, as a compaction ends only when the changes become fewer. Waits for
    the disk until the new file is put in place, where nobody's wait would end.
    """

    def __init__(self, history: History, most: int) -> None:
        self._history = history
        self._left = most
        self._main = threading.get_ident()
        self.seen: list[Call] = []
        self.changed_at: list[str] = []

    def __call__(self, call: Call) -> None:
        self._history.remember(call)
        if threading.get_ident() == self._main:
            self.seen.append(call)
            thread = threading.Thread(target=self._change, args=(call,))
            thread.start()
            thread.join()

    def _change(self, call: Call) -> None:
        lock = self._history.journal.lock
        if self._left and lock.acquire(blocking=False):
            self._left -= 1
            try:
                self._history.change(put(f"m{self._left % 3}", f"{self._left} {LONG}"))
                self._history.change(("jobs", "k2", None), put("other", str(self._left)))
            finally:
                lock.release()
            self.changed_at.append(call.what)
            if Call("sync", DRAFT) not in self.seen:
                self._history.change(put("waited", str(self._left)), wait=True)


def test_a_compaction_changes_nothing_but_the_length_of_the_file() -> None:
    history = lived()
    before = history.journal.generation, history.journal.end
    order = {table: list(entries) for table, entries in history.journal.tables.items()}
    compact(history.journal, history.disk, never)
    assert history.journal.generation != before[0]
    assert history.journal.end == len(history.disk.files[JOURNAL].data) < before[1] / 2
    assert contents(history.journal) == history.states[-1]
    assert {table: list(entries) for table, entries in history.journal.tables.items()} == order
    again = opened(history.disk.after_power_cut(least))
    assert contents(again) == history.states[-1]
    assert again.generation == history.journal.generation
    assert {table: list(entries) for table, entries in again.tables.items()} == order


def test_a_compacted_file_holds_each_document_once() -> None:
    history = lived()
    compact(history.journal, history.disk, never)
    found = lines([bytes(history.disk.files[JOURNAL].data)], 0)
    records = [line.changes for line in found if isinstance(line, Line) and line.offset]
    assert Counter(key for changes in records for _, key, _ in changes) == Counter(
        key for _, key in history.states[-1]
    )


def test_an_empty_store_can_be_compacted() -> None:
    history = History(FallibleDisk())
    compact(history.journal, history.disk, never)
    history.change(put("a"), wait=True)
    assert contents(opened(history.disk.after_power_cut(least))) == history.states[-1]


@pytest.mark.parametrize(("most", "short_tail"), [(0, 0), (40, 2**18), (12, 0)])
def test_a_crash_at_any_call_of_a_compaction_loses_nothing(
    most: int, short_tail: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "SHORT_TAIL", short_tail)
    history = lived()
    history.disk.on_call = meanwhile = Meanwhile(history, most)
    compact(history.journal, history.disk, never)
    history.change(put("after", LONG), wait=True)
    history.change(put("later", LONG))
    history.disk.on_call = nothing_happens
    assert contents(history.journal) == history.states[-1]
    assert most != 40 or {"append", "sync", "sync folder"} <= set(meanwhile.changed_at)
    history.check_all_cuts(6)


def test_what_changes_meanwhile_is_copied_in_turns_before_anybody_has_to_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compaction, "SHORT_TAIL", 0)
    history = lived()
    history.disk.on_call = Meanwhile(history, 20)
    compact(history.journal, history.disk, never)
    history.disk.on_call = nothing_happens
    assert contents(history.journal) == history.states[-1]
    assert contents(opened(history.disk.after_power_cut(least))) == history.states[-1]


def test_no_record_claims_more_than_the_disk_has_while_its_file_is_put_in_place() -> None:
    history = lived()
    claims: list[int] = []

    def on_call(call: Call) -> None:
        if call.what == "sync folder":
            history.disk.on_call = append
            history.change(put("a", LONG))
            history.change(put("b", LONG))
            history.change(put("c", LONG))

    def append(call: Call) -> None:
        if call.what == "append":
            claims.append(len(history.disk.files[JOURNAL].platter))

    history.disk.on_call = on_call
    compact(history.journal, history.disk, never)
    history.disk.on_call = nothing_happens
    found = list(lines([bytes(history.disk.files[JOURNAL].data)], 0))[-3:]
    assert len(claims) == 3
    for line, platter in zip(found, claims, strict=True):
        assert isinstance(line, Line)
        assert line.durable <= platter


def test_what_a_compaction_copied_is_durable_without_another_sync() -> None:
    history = lived()
    ticket = history.journal.ticket
    compact(history.journal, history.disk, never)
    history.disk.calls.clear()
    history.journal.wait_durable(ticket)
    assert history.disk.calls == []
    assert contents(opened(history.disk.after_power_cut(least))) == history.states[-1]


def test_what_changed_after_the_copy_is_not_taken_for_durable() -> None:
    history = lived()
    tickets: list[int] = []

    def on_call(call: Call) -> None:
        if call.what == "sync folder":
            history.disk.on_call = nothing_happens
            history.change(put("late", LONG))
            tickets.append(history.journal.ticket)

    history.disk.on_call = on_call
    compact(history.journal, history.disk, never)
    assert contents(opened(history.disk.after_power_cut(least))) == history.states[-2]
    history.journal.wait_durable(tickets[0])
    assert contents(opened(history.disk.after_power_cut(least))) == history.states[-1]


def test_without_sync_a_compaction_still_leaves_one_of_two_whole_files() -> None:
    disk = FallibleDisk()
    journal = opened(disk, sync=False)
    for number in range(5):
        journal.apply([put("a", str(number))])
    compact(journal, disk, never)
    assert contents(opened(disk.after_power_cut(least))) == {("jobs", "a"): {"text": "4"}}


def test_many_threads_change_and_wait_while_the_file_is_replaced_again_and_again(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path)
    journal = Journal(disk.open(JOURNAL), summaries={}, watch=ignore, sync=True)
    done = threading.Event()
    acknowledged = [0] * 4

    def write(number: int) -> None:
        while not done.is_set():
            turn = acknowledged[number] + 1
            ticket = journal.apply([put(f"k{number}", str(turn)), put(f"k{number}-{turn % 50}")])
            journal.wait_durable(ticket)
            acknowledged[number] = turn

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(12):
        compact(journal, disk, never)
    done.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert all(acknowledged)
    journal.close()
    again = Journal(disk.open(JOURNAL), summaries={}, watch=ignore, sync=True)
    for number, turn in enumerate(acknowledged):
        assert again.document("jobs", f"k{number}") == {"text": str(turn)}
    again.close()
