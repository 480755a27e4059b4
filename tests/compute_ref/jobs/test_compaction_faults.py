"""What goes wrong while a journal is compacted: one whole file stays in use, or nobody uses any."""

from __future__ import annotations

import errno

import pytest

from compute_ref.jobs.compaction import DRAFT, JOURNAL, Interrupted, compact
from compute_ref.jobs.records import StoreDamaged
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.fallible import (
    Call,
    Failing,
    FallibleDisk,
    error,
    least,
    nothing_happens,
)
from tests.compute_ref.jobs.histories import History, contents, opened, put
from tests.compute_ref.jobs.test_compaction import lived, never

ALL = {"remove", "open", "append", "read", "sync", "replace", "sync folder", "close"}


def test_whichever_call_fails_the_old_file_stays_in_use_or_the_new_one_is() -> None:
    number = 0
    failed: list[str] = []
    while True:
        history = lived()
        history.disk.calls.clear()
        history.disk.on_call = failing = Failing(number, frozenset(ALL))
        try:
            compact(history.journal, history.disk, never)
        except (OSError, StoreUnavailable):
            assert failing.failed is not None
        else:
            assert failing.failed is None
            break
        failed.append(failing.failed.what)
        history.disk.on_call = nothing_happens
        if failing.failed.what == "sync folder":
            with pytest.raises(StoreUnavailable):  # nobody knows which file a power cut would leave
                history.journal.apply([put("next")])
        else:
            history.change(put("next"), wait=True)
            assert contents(history.journal) == history.states[-1]
            assert contents(opened(history.disk.after_power_cut(least))) == history.states[-1]
        if failing.failed.what != "remove":
            assert DRAFT not in history.disk.files, "a full disk gets back what was taken of it"
        assert contents(opened(history.disk.as_seen())) == history.states[-1]
        number += 1
    assert set(failed) == ALL


@pytest.mark.parametrize("kind", ["sync folder", "close"])
def test_each_file_is_closed_once_as_its_descriptor_may_be_anothers_by_then(kind: str) -> None:
    history = lived()
    history.disk.calls.clear()
    history.disk.on_call = Failing(0, frozenset([kind]))
    with pytest.raises(OSError, match="Input/output error"):
        compact(history.journal, history.disk, never)
    history.disk.on_call = nothing_happens
    history.journal.close()
    assert [call.what for call in history.disk.calls].count("close") == 2, "the old and the new one"


def test_a_draft_that_cannot_even_be_removed_does_not_hide_what_went_wrong() -> None:
    history = lived()

    def on_call(call: Call) -> None:
        if call.what == "append":
            history.disk.on_call = Failing(0, frozenset(["remove"]))
            raise error(errno.ENOSPC)

    history.disk.on_call = on_call
    with pytest.raises(StoreUnavailable):
        compact(history.journal, history.disk, never)
    assert DRAFT in history.disk.files
    history.disk.on_call = nothing_happens
    compact(history.journal, history.disk, never)
    assert contents(history.journal) == history.states[-1]


def test_a_compaction_that_failed_can_be_repeated() -> None:
    history = lived()
    history.disk.on_call = Failing(3, frozenset(["append"]))
    with pytest.raises(StoreUnavailable):
        compact(history.journal, history.disk, never)
    history.disk.on_call = nothing_happens
    compact(history.journal, history.disk, never)
    assert contents(history.journal) == history.states[-1]


def test_the_end_of_the_server_breaks_a_compaction_off() -> None:
    history = lived()
    size = history.journal.end
    looks = iter([False, False, True])
    with pytest.raises(Interrupted):
        compact(history.journal, history.disk, lambda: next(looks))
    assert DRAFT not in history.disk.files
    assert history.journal.end == size
    history.change(put("next"), wait=True)
    assert contents(opened(history.disk.after_power_cut(least))) == history.states[-1]


def test_a_closed_journal_is_not_compacted() -> None:
    history = History(FallibleDisk())
    history.journal.close()
    history.disk.calls.clear()
    with pytest.raises(StoreUnavailable):
        compact(history.journal, history.disk, never)
    assert history.disk.calls == [], "the folder may be another server's by now"


def test_damage_is_never_left_out_in_silence() -> None:
    for key in ("k3", "unsynced"):
        history = lived()
        offset, _ = history.journal.tables["jobs"][key].span
        history.disk.files[JOURNAL].data[offset + 20] ^= 1
        with pytest.raises(StoreUnavailable):
            compact(history.journal, history.disk, never)
        assert history.journal.end == len(history.disk.files[JOURNAL].data)


@pytest.mark.parametrize("followed", [False, True])
def test_damage_in_what_was_written_meanwhile_is_never_left_out_in_silence(
    followed: bool,
) -> None:
    history = lived()
    place = history.journal.end

    def on_call(call: Call) -> None:
        if call == Call("sync", DRAFT):
            history.disk.on_call = nothing_happens
            history.change(put("meanwhile"))
            if followed:
                history.change(put("more"))
            history.disk.files[JOURNAL].data[place + 20] ^= 1

    history.disk.on_call = on_call
    told = rf"^the store is damaged at byte {place} and cannot be compacted\. Restore the file"
    with pytest.raises(StoreDamaged, match=told) as damage:
        compact(history.journal, history.disk, never)
    assert damage.value.offset == place
    assert DRAFT not in history.disk.files
    assert history.journal.document("jobs", "k3") is not None
