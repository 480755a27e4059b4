"""The data folder: one server has it, and lets go of it where it cannot be used."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.folder import LOCK, StoreFolder, StoreLocked, holder
from compute_ref.jobs.ledger import SPARE
from compute_ref.jobs.records import StoreDamaged
from compute_ref.jobs.store import Store
from compute_ref.refusals import StoreUnavailable
from compute_ref.testing.clock import MovedClock
from tests.compute_ref.jobs.builders import ROOMY, claim, job, plan
from tests.compute_ref.jobs.fallible import Failing, FallibleDisk, Inode, nothing_happens

PATIENCE = 30  # seconds, after which something hangs
HOLDER = """
import sys, time
from pathlib import Path
from compute_ref.clock import Clock
from compute_ref.jobs.store import Store
store = Store.open(Path(sys.argv[1]), Clock())
print("open", flush=True)
sys.stdin.read()
store.close()
print("closed", flush=True)
sys.stdin.read()
"""
OPENER = HOLDER.replace("sys.stdin.read()\n", "")


# Who has the folder


def test_a_second_opening_in_the_same_process_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = StoreFolder(tmp_path)
    for _ in range(2):
        with pytest.raises(StoreLocked, match=rf"process {os.getpid()}\. .*server\.data_dir"):
            StoreFolder(tmp_path)
    first.release()
    closed: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "close", closed.append)
        first.release()
    assert closed == [], "by now the number may be another file's"
    StoreFolder(tmp_path).release()


def test_the_kernel_knows_who_has_a_folder(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    other, mine = StoreFolder(tmp_path / "other"), StoreFolder(tmp_path / "mine")
    other.release()
    assert (holder(tmp_path / "other"), holder(tmp_path / "mine")) == (None, os.getpid())
    mine.release()
    assert holder(tmp_path / "mine") is None


def test_another_process_is_refused_by_the_name_of_the_one_that_has_it(tmp_path: Path) -> None:
    first = Store.open(tmp_path, MovedClock())
    other = subprocess.run(
        [sys.executable, "-c", OPENER, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert other.returncode == 1
    assert f"StoreLocked: {tmp_path} belongs to a running server, process {os.getpid()}." in (
        other.stderr
    )
    first.close()


def test_the_lock_goes_with_the_process_however_it_ends(tmp_path: Path) -> None:
    for end in ("closed", "killed"):
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as holder:
            assert holder.stdin is not None
            assert holder.stdout is not None
            assert holder.stdout.readline() == "open\n"
            with pytest.raises(StoreLocked, match=rf"process {holder.pid}\."):
                StoreFolder(tmp_path)
            if end == "killed":
                holder.send_signal(signal.SIGKILL)
                holder.wait(PATIENCE)
            else:
                holder.stdin.write("\n")
                holder.stdin.close()
                assert holder.stdout.readline() == "closed\n"
            Store.open(tmp_path, MovedClock()).close()
            holder.kill()


def test_a_number_left_in_the_lock_file_locks_nothing(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("1234567890\n")
    folder = StoreFolder(tmp_path)
    assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    folder.release()


@pytest.mark.parametrize(("said", "name"), [(b"", "unknown"), (b"\xff\n", "\ufffd")])
def test_a_holder_that_has_not_said_its_name_has_the_folder_all_the_same(
    tmp_path: Path, said: bytes, name: str
) -> None:
    folder = StoreFolder(tmp_path)
    (tmp_path / LOCK).write_bytes(said)
    with pytest.raises(StoreLocked, match=f"process {name}"):
        StoreFolder(tmp_path)
    folder.release()


def test_a_refused_opening_leaves_the_holder_what_it_has(tmp_path: Path) -> None:
    store = Store.open(tmp_path, MovedClock())
    store.accept(job("a"), plan(), claim("1"), ROOMY)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(StoreLocked):
        Store.open(tmp_path, MovedClock())
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    store.close()


def test_a_new_folder_lets_others_through_and_nobody_read_the_store(tmp_path: Path) -> None:
    Store.open(tmp_path / "data", MovedClock()).close()
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o711
    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_the_name_of_a_new_folder_is_durable_before_anything_is_kept_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded)
    path = tmp_path / "a" / "b"
    StoreFolder(path).release()
    assert set(synced) == {tmp_path, tmp_path / "a"}
    synced.clear()
    StoreFolder(path).release()
    assert synced == [], "a folder that was there has its name"


# Opening


@pytest.mark.parametrize(
    ("data", "kind", "refusal"),
    [
        (b"no store\n", None, StoreDamaged),
        (b"", "load", OSError),
        (b"", "open", OSError),
        (b"", "append", StoreUnavailable),
        (b"", "sync", StoreUnavailable),
        (b"", "sync folder", OSError),
    ],
)
def test_a_folder_whose_store_cannot_be_opened_is_let_go_of(
    tmp_path: Path, data: bytes, kind: str | None, refusal: type[Exception]
) -> None:
    disk = FallibleDisk({JOURNAL: Inode.holding(data)})
    if kind:
        disk.on_call = Failing(0, frozenset([kind]))
    with pytest.raises(refusal):
        Store.open(tmp_path, MovedClock(), disk=disk)
    opened, closed = (sum(c.what == w for c in disk.calls) for w in ("open", "close"))
    assert closed == (opened if kind != "open" else 0)
    StoreFolder(tmp_path).release()


def test_a_store_that_cannot_forget_old_tokens_is_let_go_of(tmp_path: Path) -> None:
    clock, disk = MovedClock(), FallibleDisk()
    store = Store.open(tmp_path, clock, disk=disk)
    store.revoke("t", clock.now() + 10, claim("1"))
    store.close()
    clock.advance(SPARE + 11)
    disk.on_call = Failing(0, frozenset(["append"]), errno.ENOSPC)
    with pytest.raises(StoreUnavailable):
        Store.open(tmp_path, clock, disk=disk)
    disk.on_call = nothing_happens
    store = Store.open(tmp_path, clock, disk=disk)
    assert not store.is_revoked("t")
    store.close()
