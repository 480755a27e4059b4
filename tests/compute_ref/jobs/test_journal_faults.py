"""Calls of the disk that fail: nothing acknowledged is missing afterwards."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.fallible import (
    Call,
    Failing,
    FallibleDisk,
    error,
    least,
    nothing_happens,
)
from tests.compute_ref.jobs.histories import (
    LONG,
    History,
    changed,
    contents,
    data_of,
    holding,
    opened,
    picks,
    put,
    written,
)


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


def test_a_new_store_that_the_disk_did_not_take_is_written_again_by_the_next_server() -> None:
    disk = FallibleDisk()
    disk.on_call = Failing(0, frozenset(["sync"]))
    with pytest.raises(StoreUnavailable):
        opened(disk)
    disk.sync()
    disk = disk.as_seen()
    opened(disk)
    assert data_of(disk.after_power_cut(least)) == data_of(disk)


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
