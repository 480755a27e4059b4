"""The journal: what was acknowledged is there after any crash, and nothing is half there."""

from __future__ import annotations

import errno
import threading
from typing import Any

import pytest

from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.files import MemoryFile
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import Change, Line, StoreDamaged, encode, lines
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.fallible import (
    Call,
    Failing,
    FallibleDisk,
    Inode,
    error,
    least,
    most,
    nothing_happens,
)
from tests.compute_ref.jobs.histories import History, changed, contents, ignore, opened, picks

LONG = "x" * 700  # more than a page of the disk


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


# What is kept


def test_documents_are_put_replaced_and_removed() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    journal.apply([put("a", "1"), put("b", "1"), put("a", "plan", "plans")])
    journal.apply([put("a", "2"), ("jobs", "b", None), ("jobs", "none", None)])
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


# A file that was cut or damaged


def test_a_file_cut_at_any_byte_of_its_last_records_is_recovered_to_the_last_whole_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    records = [[put("a", "1")], [put("a", "2"), put("b")], [("jobs", "a", None), put("c", "ä")]]
    data, places = written(*records)
    states = [dict[tuple[str, str], dict[str, Any]]()]
    for record in records:
        states.append(changed(states[-1], tuple(record)))
    for size in range(places[0], len(data)):
        caplog.clear()
        whole = max(number for number, place in enumerate(places) if place <= size)
        disk = holding(data[:size])
        assert contents(opened(disk)) == states[whole]
        assert len(data_of(disk)) == places[whole], "the rest is cut off"
        excess = size - places[whole]
        said = f"{excess} bytes from byte {places[whole]} on were cut off" if excess else ""
        assert said in caplog.text
        assert bool(caplog.records) == bool(excess)


def test_any_bit_changed_in_the_middle_is_refused_with_its_place() -> None:
    data, places = written([put("a", "1")], [put("b", "2")], [put("c", "3")])
    for place in range(places[0], places[2] - 1):  # the last line break would make one of two
        broken = bytearray(data)
        broken[place] ^= 1 << (place % 8)
        disk = holding(bytes(broken))
        with pytest.raises(StoreDamaged) as refused:
            opened(disk)
        assert refused.value.offset == max(begin for begin in places if begin <= place)
        assert data_of(disk) == broken, "nothing is changed in a damaged file"


def test_a_closed_store_has_no_last_record_that_damage_could_pass_off_as_torn() -> None:
    data, places = written([put("a", "1")], [put("b", "2")], close=True)
    for place in range(places[1], places[2] - 1):
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(StoreDamaged) as refused:
            opened(holding(bytes(broken)))
        assert refused.value.offset == places[1]


def test_closing_without_a_change_writes_nothing() -> None:
    data, _ = written([put("a")], close=True)
    disk = holding(data)
    opened(disk).close()
    assert data_of(disk) == data


def test_a_document_that_went_bad_while_the_server_runs_is_unavailable_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    place = journal.end
    journal.apply([put("a")])
    journal.apply([put("b")])
    disk.files[JOURNAL].data[place + 20] ^= 1
    with pytest.raises(StoreUnavailable):
        journal.document("jobs", "a")
    assert f"damaged at byte {place}" in caplog.text
    assert journal.document("jobs", "b") == {"text": ""}


# The first line


def test_a_first_line_that_a_power_cut_left_unfinished_is_written_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    header, _ = written()
    for size in range(len(header)):
        caplog.clear()
        disk = holding(header[:size])
        opened(disk).apply([put("a")])
        assert contents(opened(disk)) == {("jobs", "a"): {"text": ""}}
        assert ("unfinished" in caplog.text) == (size > 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{}\n", "no sound record at all"),
        (b"x" * 500, "no sound record at all"),
        (b"\0" * 4096, "no sound record at all"),
        (b'{"_default": {"1": {}}}' * 20, "no sound record at all"),  # TinyDB's own file
        (encode({"format": "something else", "version": 1}), "does not begin as a store does"),
        (encode([]), "does not begin as a store does"),
        (encode({"format": "compute-ref store", "version": 2}), "another version"),
        (b"torn\n" + encode([put("a")]), "has sound records after that"),
    ],
)
def test_what_is_not_our_store_is_refused_and_left_alone(data: bytes, said: str) -> None:
    disk = holding(data)
    with pytest.raises(StoreDamaged, match=said) as refused:
        opened(disk)
    assert refused.value.offset == 0
    assert data_of(disk) == data


# Calls that fail


def test_a_short_write_is_gone_on_with() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    disk.on_call = lambda call: min(call.size, 7) if call.what == "append" else None
    journal.apply([put("a", LONG)])
    assert contents(journal) == contents(opened(disk.as_seen())) == {("jobs", "a"): {"text": LONG}}


@pytest.mark.parametrize("taken", [0, 1, 8, 20, 60])
def test_a_short_write_that_cannot_be_gone_on_with_is_cut_back(taken: int) -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    journal.apply([put("a")])
    size = journal.end
    appends = iter([taken])

    def full(call: Call) -> int | None:
        if call.what != "append":
            return None
        if (some := next(appends, None)) is None:
            raise error(errno.ENOSPC)
        return some

    disk.on_call = full
    with pytest.raises(StoreUnavailable):
        journal.apply([put("b", LONG)])
    assert len(data_of(disk)) == journal.end == size
    assert contents(journal) == {("jobs", "a"): {"text": ""}}
    disk.on_call = nothing_happens
    journal.wait_durable(journal.apply([put("c")]))
    assert set(contents(opened(disk.after_power_cut(least)))) == {("jobs", "a"), ("jobs", "c")}


def test_a_disk_that_takes_nothing_is_full() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    disk.on_call = lambda call: 0 if call.what == "append" else None
    with pytest.raises(StoreUnavailable):
        journal.apply([put("a")])
    assert contents(journal) == {}


def test_what_could_not_be_cut_back_is_written_upon_by_nobody() -> None:
    history = History(FallibleDisk())
    history.change(put("a"), wait=True)

    def broken(call: Call) -> int | None:
        if call.what == "append" and call.size > 20:
            return 20
        if call.what in ("append", "truncate"):
            raise error(errno.EIO)
        return None

    history.disk.on_call = broken
    with pytest.raises(StoreUnavailable):
        history.journal.apply([put("b")])
    history.disk.on_call = nothing_happens
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            history.journal.apply([put("c")])
    with pytest.raises(StoreUnavailable):
        history.journal.document("jobs", "a")
    assert contents(opened(history.disk.as_seen())) == history.states[1]


@pytest.mark.parametrize("kind", ["append", "sync", "truncate"])
def test_whichever_call_fails_nothing_acknowledged_is_missing_afterwards(kind: str) -> None:
    failed = 0
    for number in range(100):
        history, failing = History(FallibleDisk()), Failing(number, frozenset([kind]))
        history.disk.on_call = failing if kind != "truncate" else short_of_space(failing)
        acknowledged = go_on_until_it_fails(history)
        history.journal.close()
        if failing.failed is None:
            break
        failed += 1
        for pick in picks(number, 6):
            for disk in (history.disk.after_power_cut(pick), history.disk.as_seen()):
                found = contents(opened(disk))
                assert found in history.states
                assert acknowledged.items() <= found.items()
    assert failed >= 3


def short_of_space(failing: Failing) -> Any:
    """Every third append is short of its last byte and fails then; `failing` as well."""
    appends = 0

    def on_call(call: Call) -> int | None:
        nonlocal appends
        failing(call)
        appends += call.what == "append"
        if call.what == "append" and appends % 4 == 3:
            return call.size - 1
        if call.what == "append" and appends % 4 == 0:
            raise error(errno.ENOSPC)
        return None

    return on_call


def go_on_until_it_fails(history: History) -> dict[tuple[str, str], dict[str, Any]]:
    """Write ten documents, and go on after an error; returns those that were acknowledged."""
    acknowledged = {}
    refused_for_good = False
    for number in range(10):
        change = put(f"k{number}", LONG)
        try:
            ticket = history.journal.apply([change])
        except StoreUnavailable:
            continue
        assert not refused_for_good, "after a failed sync nothing is taken until a restart"
        history.states.append(changed(history.states[-1], (change,)))
        if number % 2:
            try:
                history.journal.wait_durable(ticket)
            except StoreUnavailable:
                refused_for_good = True
            else:
                acknowledged = dict(history.states[-1])
    return acknowledged


def test_after_a_failed_sync_nothing_is_answered_until_a_restart() -> None:
    history = History(FallibleDisk())
    history.change(put("a"), wait=True)
    history.disk.on_call = Failing(0, frozenset(["sync"]))
    with pytest.raises(StoreUnavailable):
        history.change(put("b"), wait=True)
    for refused in (
        lambda: history.journal.apply([put("c")]),
        lambda: history.journal.document("jobs", "a"),
        history.journal.check,
        history.journal.sync,
    ):
        with pytest.raises(StoreUnavailable):
            refused()
    history.journal.close()
    assert contents(opened(history.disk.as_seen())) in history.states[1:]


def test_what_a_failed_sync_did_not_take_is_written_again_by_the_next_server() -> None:
    history = History(FallibleDisk())
    history.change(put("a"), wait=True)
    history.disk.on_call = Failing(0, frozenset(["sync"]))
    with pytest.raises(StoreUnavailable):
        history.change(put("b", LONG), put("c", LONG), wait=True)
    disk = history.disk.as_seen()  # the same machine: what the disk lacks can still be read
    cuts: list[FallibleDisk] = []
    disk.on_call = lambda call: cuts.append(disk.as_seen())
    journal = opened(disk)
    disk.on_call = nothing_happens
    history.states.append(contents(journal))
    assert len(history.states[-1]) == 3
    for seed, cut in enumerate(cuts):
        for pick in picks(seed, 10):
            assert contents(opened(cut.after_power_cut(pick))) in history.states[1:]
    journal.wait_durable(journal.apply([put("d")]))
    history.states.append({**history.states[-1], ("jobs", "d"): {"text": ""}})
    for pick in picks(3, 20):
        assert contents(opened(disk.after_power_cut(pick))) == history.states[-1]


def test_a_read_that_fails_makes_the_document_unavailable(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    journal.apply([put("a")])
    disk.on_call = Failing(0, frozenset(["read"]))
    with pytest.raises(StoreUnavailable):
        journal.document("jobs", "a")
    assert "Input/output error" in caplog.text
    assert journal.document("jobs", "a") == {"text": ""}


def test_a_store_that_cannot_be_synced_at_its_start_is_not_opened() -> None:
    data, _ = written([put("a")])
    disk = holding(data)
    disk.on_call = Failing(0, frozenset(["sync"]))
    with pytest.raises(StoreUnavailable):
        opened(disk)


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
