"""Making the file short again while the server runs, and what is done at its end."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_ref.jobs import folder as folder_module
from compute_ref.jobs import journal as journal_module
from compute_ref.jobs import records
from compute_ref.jobs.checkpoint import CHECKPOINT
from compute_ref.jobs.compaction import DRAFT
from compute_ref.jobs.folder import StoreFolder
from compute_ref.jobs.records import encode
from tests.compute_ref.jobs.fallible import Call, Failing, FallibleDisk, Inode, nothing_happens
from tests.compute_ref.jobs.histories import ignore

PATIENCE = 30  # seconds, after which something hangs


class Held:
    """A folder in a directory, over a disk that can fail, with its journal."""

    def __init__(self, path: Path, disk: FallibleDisk | None = None) -> None:
        self.disk = disk or FallibleDisk()
        self.folder = StoreFolder(path, self.disk)
        self.journal = self.folder.journal({}, ignore, sync=True)
        self.disk.calls.clear()

    def write(self, size: int, key: str = "a") -> None:
        self.journal.apply([("jobs", key, {"text": "x" * size})])

    def tidy(self) -> None:
        """Tidy as the store does after each change, and wait for what this began."""
        self.folder.tidy(self.journal)
        for thread in threading.enumerate():
            if thread.name == "store-tidying":
                thread.join(PATIENCE)
                assert not thread.is_alive()

    def replaced(self) -> list[str]:
        return [call.name for call in self.disk.calls if call.what == "replace"]

    def close(self) -> None:
        """Close the folder; a close that waits for ever fails."""
        ending = threading.Thread(target=self.folder.close, args=[self.journal], daemon=True)
        ending.start()
        ending.join(PATIENCE)
        assert not ending.is_alive()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is tidied for some kilobytes."""
    monkeypatch.setattr(folder_module, "WORTH_COMPACTING", 4_000)
    monkeypatch.setattr(folder_module, "WORTH_A_CHECKPOINT", 2_000)
    monkeypatch.setattr(folder_module, "WORTH_A_LAST_ONE", 500)


@pytest.fixture
def held(tmp_path: Path, small: None) -> Iterator[Held]:
    one = Held(tmp_path)
    yield one
    one.disk.on_call = nothing_happens
    one.close()


# Tidying


def test_a_draft_that_a_crash_left_is_removed(tmp_path: Path) -> None:
    disk = FallibleDisk({DRAFT: Inode.holding(encode(["half"]))})
    held = Held(tmp_path, disk)
    assert DRAFT not in disk.files
    held.close()


def test_a_file_twice_as_long_as_what_is_in_it_is_compacted(held: Held) -> None:
    held.write(3_000)
    held.write(3_000)
    held.tidy()
    assert DRAFT not in held.replaced()
    held.write(3_000)
    held.tidy()
    assert held.replaced()[-2:] == [DRAFT, CHECKPOINT + ".new"]
    assert held.journal.end < 3_200
    held.disk.calls.clear()
    held.write(3_000)
    held.tidy()
    assert DRAFT not in held.replaced(), "not before it is twice as long again"
    held.write(3_000)
    held.tidy()
    assert DRAFT in held.replaced()


def test_what_is_long_because_much_is_in_it_is_left_as_it_is(tmp_path: Path, held: Held) -> None:
    for number in range(10):
        held.write(3_000, key=f"k{number}")
    held.close()
    again = Held(tmp_path, held.disk)
    again.write(1_000)
    again.tidy()
    assert again.replaced() == []
    for _ in range(11):
        again.write(3_000)
    again.tidy()
    assert DRAFT in again.replaced(), "much of it is not in use any more"
    again.close()


def test_a_checkpoint_is_written_when_a_start_would_read_much(held: Held) -> None:
    held.write(1_000)
    held.tidy()
    assert held.replaced() == []
    held.write(1_500)
    held.tidy()
    assert held.replaced() == [CHECKPOINT + ".new"]
    held.tidy()
    assert held.replaced() == [CHECKPOINT + ".new"]


def test_the_last_checkpoint_is_written_at_the_end_if_it_is_worth_it(
    tmp_path: Path, small: None
) -> None:
    held = Held(tmp_path)
    held.write(200)
    held.close()
    assert CHECKPOINT not in held.disk.files
    again = Held(tmp_path, held.disk)
    again.write(600)
    again.close()
    again.close()
    assert again.replaced() == [CHECKPOINT + ".new"]
    third = Held(tmp_path, held.disk)
    third.write(200)
    third.close()
    assert third.replaced() == []


def test_a_start_reads_only_what_came_after_the_last_checkpoint(
    tmp_path: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "CHUNK", 1_000)
    monkeypatch.setattr(journal_module, "SEALED", 1_000)
    held = Held(tmp_path)
    held.write(20_000)
    held.write(20_000)
    held.close()
    disk = held.disk.as_seen()
    folder = StoreFolder(tmp_path, disk)
    journal = folder.journal({}, ignore, sync=True)
    assert set(journal.tables["jobs"]) == {"a"}
    assert sum(call.size for call in disk.calls if call.what == "read") < 5_000
    folder.close(journal)


def test_a_checkpoint_of_another_file_is_replaced_at_the_end(tmp_path: Path, small: None) -> None:
    former, held = Held(tmp_path / "former"), Held(tmp_path / "held")
    for one, size in ((former, 1_000), (held, 1_100)):
        one.write(size)
        one.close()
    files = {**held.disk.files, CHECKPOINT: former.disk.files[CHECKPOINT]}
    again = Held(tmp_path / "held", FallibleDisk(files))
    again.close()
    assert again.replaced() == [CHECKPOINT + ".new"]


def test_a_folder_that_need_not_be_durable_waits_for_no_disk(tmp_path: Path) -> None:
    disk = FallibleDisk()
    folder = StoreFolder(tmp_path, disk)
    journal = folder.journal({}, ignore, sync=False)
    disk.calls.clear()
    journal.apply([("jobs", "a", {})])
    journal.wait_durable(journal.ticket)
    assert "sync" not in [call.what for call in disk.calls]
    folder.close(journal)


def test_tidying_that_fails_is_told_and_not_tried_again_at_the_next_change(
    held: Held, caplog: pytest.LogCaptureFixture
) -> None:
    held.disk.on_call = failing = Failing(0, frozenset(["open"]), errno.ENOSPC)
    for _ in range(4):
        held.write(3_000)
    held.tidy()
    assert failing.failed == Call("open", DRAFT)
    assert "could not be tidied now" in caplog.text
    assert "No space left" in caplog.text
    held.disk.calls.clear()
    held.write(100)
    held.tidy()
    assert held.replaced() == []
    for _ in range(2):
        held.write(3_000)
    held.tidy()
    assert DRAFT in held.replaced(), "it is tried again later"


def test_where_no_thread_can_begin_the_change_is_kept_and_the_end_still_comes(
    held: Held, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        for _ in range(4):
            held.write(3_000)
        held.folder.tidy(held.journal)
    assert "can't start new thread" in caplog.text
    for _ in range(2):
        held.write(3_000)
    held.tidy()
    assert DRAFT in held.replaced()


def test_only_one_thread_tidies_at_a_time(held: Held) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def on_call(call: Call) -> None:
        if call == Call("open", DRAFT):
            begun.set()
            assert go_on.wait(PATIENCE)

    held.disk.on_call = on_call
    for _ in range(4):
        held.write(3_000)
    held.folder.tidy(held.journal)
    assert begun.wait(PATIENCE)
    for _ in range(3):
        held.write(3_000)  # changes go on meanwhile
        held.folder.tidy(held.journal)
    assert [thread.name for thread in threading.enumerate()].count("store-tidying") == 1
    go_on.set()
    held.tidy()
    assert held.journal.document("jobs", "a") is not None


# The end


def test_the_end_waits_for_a_compaction_that_it_breaks_off(
    tmp_path: Path, small: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    held = Held(tmp_path)
    ending = threading.Thread(target=held.close)

    def on_call(call: Call) -> None:
        if call.name == DRAFT and call.what == "append":
            held.disk.on_call = nothing_happens
            ending.start()
            assert held.folder._ending.wait(PATIENCE)

    for number in range(4):
        held.write(3_000, key=f"k{number}")
    held.disk.on_call = on_call
    held.folder.tidy(held.journal)
    held.tidy()
    ending.join(PATIENCE)
    assert "was given up, as the server ends" in caplog.text
    assert "could not be tidied" not in caplog.text
    assert DRAFT not in held.disk.files
    again = Held(tmp_path, held.disk)
    assert len(again.journal.tables["jobs"]) == 4
    again.close()


def test_after_the_end_nothing_is_begun(held: Held) -> None:
    for _ in range(4):
        held.write(3_000)
    held.close()
    held.disk.calls.clear()
    held.tidy()
    assert held.disk.calls == []


def test_the_folder_is_let_go_of_also_where_its_file_cannot_be_closed(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.disk.on_call = Failing(0, frozenset(["close"]))
    with pytest.raises(OSError, match="Input/output error"):
        held.folder.close(held.journal)
    StoreFolder(tmp_path).release()


def test_a_broken_store_is_closed_without_a_checkpoint(
    tmp_path: Path, small: None, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held(tmp_path)
    held.write(1_000)
    held.disk.on_call = Failing(0, frozenset(["sync"]))
    held.close()
    assert CHECKPOINT not in held.disk.files
    assert "closed without knowing all of it on the disk" in caplog.text
    StoreFolder(tmp_path).release()
