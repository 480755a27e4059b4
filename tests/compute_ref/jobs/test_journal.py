"""The journal: what was acknowledged is there after any crash, and nothing is half there."""

from __future__ import annotations

import threading

import pytest

from compute_ref.jobs import checkpoint
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.entries import Kept
from compute_ref.jobs.files import MemoryFile
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import Line, lines
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.fallible import Call, Failing, FallibleDisk, least, most
from tests.compute_ref.jobs.histories import (
    LONG,
    History,
    contents,
    data_of,
    ignore,
    opened,
    picks,
    put,
)

# What is kept


def test_documents_are_put_replaced_and_removed() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    journal.apply([put("a", "1"), put("b", "1"), put("a", "plan", "plans")])
    journal.apply([put("a", "2"), ("jobs", "b", None), ("jobs", "none", None)])
    journal.apply([("nothing", "a", None)])
    expected = {("jobs", "a"): {"text": "2"}, ("plans", "a"): {"text": "plan"}}
    assert contents(journal) == expected
    assert journal.document("jobs", "b") is None
    assert journal.document("nothing", "a") is None
    assert contents(opened(disk.as_seen())) == expected


def test_the_last_change_of_a_document_in_one_record_counts() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    journal.apply(
        [put("a", "1"), ("jobs", "a", None), put("a", "2"), put("b"), ("jobs", "b", None)]
    )
    assert contents(journal) == contents(opened(disk.as_seen())) == {("jobs", "a"): {"text": "2"}}


def test_a_killed_server_loses_nothing_that_was_applied() -> None:
    history = History(FallibleDisk())
    for number in range(20):
        history.change(put(f"k{number % 7}", str(number)))
    assert contents(opened(history.disk.as_seen())) == history.states[-1]


def test_what_a_killed_server_left_unsynced_is_durable_once_another_has_it() -> None:
    history = History(FallibleDisk())
    history.change(put("a"))
    taken_over = history.disk.as_seen()
    opened(taken_over)
    assert contents(opened(taken_over.after_power_cut(least))) == history.states[-1]


def test_without_sync_nothing_waits_for_the_disk() -> None:
    disk = FallibleDisk()
    journal = opened(disk, sync=False)
    journal.wait_durable(journal.apply([put("a")]))
    journal.close()
    assert "sync" not in [call.what for call in disk.calls]
    journal = opened(disk.as_seen(), sync=False)
    assert contents(journal) == {("jobs", "a"): {"text": ""}}


def test_each_store_has_a_name_of_its_own() -> None:
    first, second = opened(FallibleDisk()), opened(FallibleDisk())
    assert len({first.generation, second.generation, ""}) == 3


def test_a_journal_may_live_in_memory() -> None:
    file = MemoryFile()
    journal = Journal(file, summaries={}, watch=ignore, sync=False)
    journal.apply([put("a", "1")])
    assert journal.document("jobs", "a") == {"text": "1"}
    again = Journal(file, summaries={}, watch=ignore, sync=False)
    assert contents(again) == contents(journal)


# What is in memory


def test_a_text_that_stays_as_it_was_is_in_memory_once() -> None:
    journal = Journal(MemoryFile(), summaries={"jobs": Kept("text")}, watch=ignore, sync=False)
    journal.apply([put("a", "the same"), put("b", "other")])
    former = journal.tables["jobs"]["a"].fields
    journal.apply([put("a", anew("the same")), put("b", "changed")])
    assert journal.tables["jobs"]["a"].fields[0] is former[0]
    assert journal.tables["jobs"]["b"].fields == ("changed",)


def test_a_start_keeps_a_text_that_is_in_several_tables_once() -> None:
    kept = {"jobs": Kept("text"), "orders": Kept("text")}
    file = MemoryFile()
    journal = Journal(file, summaries=kept, watch=ignore, sync=False)
    journal.apply([put("a", "the same"), put("1", anew("the same"), "orders")])
    again = Journal(file, summaries=kept, watch=ignore, sync=False)
    assert again.tables["jobs"]["a"].fields == ("the same",)
    assert again.tables["jobs"]["a"].fields[0] is again.tables["orders"]["1"].fields[0]


def test_the_index_is_told_of_each_change_and_of_what_is_removed() -> None:
    told: list[tuple[str, str, bool]] = []
    journal = Journal(
        MemoryFile(),
        summaries={},
        watch=lambda *seen: told.append((*seen[:2], bool(seen[2]))),
        sync=False,
    )
    journal.apply([put("a"), put("b")])
    journal.apply([("jobs", "a", None), ("jobs", "none", None)])
    assert told == [("jobs", "a", True), ("jobs", "b", True), ("jobs", "a", False)]


def test_a_start_from_a_checkpoint_tells_only_of_what_was_current_then() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    journal.apply([put("a", "1")])
    journal.apply([put("a", "2")])
    checkpoint.save(disk, journal)
    told: list[str] = []
    again = Journal(
        disk.open(JOURNAL),
        summaries={},
        watch=lambda table, key, entry: told.append(key),
        sync=True,
        checkpoint=checkpoint.load(disk),
    )
    assert told == ["a"]
    assert contents(again) == {("jobs", "a"): {"text": "2"}}


def anew(text: str) -> str:
    """An equal text that is another object."""
    return "".join(list(text))


# Power cuts


def test_a_power_cut_at_any_call_loses_nothing_that_was_waited_for() -> None:
    history = History(FallibleDisk())
    history.disk.on_call = history.remember
    for number in range(12):
        text = LONG if number % 3 else ""
        history.change(put(f"k{number % 5}", f"{number} {text}"), put("last", str(number)))
        if number % 4 == 3:
            history.change(("jobs", f"k{number % 5}", None), wait=True)
    history.journal.close()
    history.check_all_cuts(12)


def test_several_records_that_nobody_waited_for_are_torn_together() -> None:
    history = History(FallibleDisk())
    history.change(put("a", LONG), wait=True)
    for number in range(8):
        history.change(put(f"k{number}", LONG * 2))
    left = set()
    for pick in picks(1, 200):
        journal = opened(history.disk.after_power_cut(pick))
        state = contents(journal)
        assert state in history.states[history.promised :]
        left.add(len(state))
    assert len(left) > 3, "a page lost in each of them was tried"


def test_a_mark_never_claims_more_than_the_disk_has() -> None:
    disk = FallibleDisk()
    claims: list[tuple[int, int]] = []

    def on_call(call: Call) -> None:
        if call.what == "append":
            claims.append((call.size, len(disk.files[JOURNAL].platter)))

    journal = opened(disk)
    start = journal.end
    disk.on_call = on_call
    threads = [threading.Thread(target=write_and_wait, args=(journal, n)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [line for line in lines([data_of(disk)[start:]], start) if isinstance(line, Line)]
    assert len(found) == len(claims) == 6 * 20
    assert all(line.durable <= platter for line, (_, platter) in zip(found, claims, strict=True))
    assert len({line.durable for line in found}) > 2


def write_and_wait(journal: Journal, number: int) -> None:
    for turn in range(20):
        ticket = journal.apply([put(f"k{number}", str(turn))])
        if turn % 2:
            journal.wait_durable(ticket)


# The end


def test_a_closed_journal_answers_nothing() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    ticket = journal.apply([put("a")])
    journal.close()
    journal.close()
    assert [call.what for call in disk.calls].count("close") == 1
    for refused in (
        lambda: journal.apply([put("b")]),
        lambda: journal.document("jobs", "a"),
        lambda: journal.wait_durable(ticket + 1),
    ):
        with pytest.raises(StoreUnavailable):
            refused()
    assert contents(opened(disk.after_power_cut(least))) == {("jobs", "a"): {"text": ""}}


def test_a_journal_that_cannot_be_synced_at_its_end_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    journal.apply([put("a")])
    disk.on_call = Failing(0, frozenset(["sync"]))
    journal.close()
    assert "closed without knowing all of it on the disk" in caplog.text
    assert [call.what for call in disk.calls].count("close") == 1


def test_a_power_cut_right_after_a_start_leaves_a_store() -> None:
    disk = FallibleDisk()
    cuts: list[FallibleDisk] = []
    disk.on_call = lambda call: cuts.append(disk.as_seen())
    opened(disk)
    for seed, cut in enumerate([*cuts, disk]):
        for pick in picks(seed, 10):
            assert contents(opened(cut.after_power_cut(pick))) == {}
    assert set(disk.after_power_cut(least).files) == {JOURNAL}
    assert contents(opened(disk.after_power_cut(most))) == {}
