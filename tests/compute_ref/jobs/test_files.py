"""Files and folders: the real ones, the one in memory, and the one that fails, all alike."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.jobs.files import Disk, DiskFile, JournalFile, MemoryFile
from tests.compute_ref.jobs.fallible import Call, Failing, FallibleDisk, error

KINDS: dict[str, Callable[[Path], JournalFile]] = {
    "real": lambda folder: DiskFile(folder / "file"),
    "in memory": lambda folder: MemoryFile(),
    "fallible": lambda folder: FallibleDisk().open("file"),
}


@pytest.fixture(params=KINDS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> JournalFile:
    return KINDS[request.param](tmp_path)


@pytest.fixture(params=["real", "fallible"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    return Disk(tmp_path) if request.param == "real" else FallibleDisk()


def test_a_file_grows_at_its_end_and_is_read_anywhere(file: JournalFile) -> None:
    assert file.size() == 0
    assert file.append(b"abc") == 3
    assert file.append(b"def") == 3
    file.sync()
    assert (file.size(), file.read(0, 99), file.read(2, 2)) == (6, b"abcdef", b"cd")
    assert file.read(6, 5) == file.read(9, 5) == b""
    file.close()


def test_what_is_appended_to_a_file_that_was_cut_stands_where_it_was_cut(
    file: JournalFile,
) -> None:
    file.append(b"abcdef")
    file.truncate(2)
    assert file.size() == 2
    file.append(b"x")
    assert file.read(0, 99) == b"abx"
    file.close()


def test_to_renew_the_end_of_a_file_changes_nothing_that_can_be_read(file: JournalFile) -> None:
    file.append(b"abcdef")
    for start in (0, 4, 6):
        file.renew(start)
        assert (file.size(), file.read(0, 99)) == (6, b"abcdef")
    file.append(b"g")
    assert file.read(0, 99) == b"abcdefg"
    file.close()


def test_a_real_file_is_renewed_by_writing_it(tmp_path: Path) -> None:
    file = DiskFile(tmp_path / "file")
    file.append(b"abcdef")
    os.utime(tmp_path / "file", ns=(0, 0))
    file.renew(2)
    assert (tmp_path / "file").stat().st_mtime_ns > 0
    file.close()


def test_a_real_file_is_synced_by_its_own_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = DiskFile(tmp_path / "file")
    synced: list[Path] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(path_of(fd)))
    file.append(b"abc")
    assert synced == []
    file.sync()
    assert synced == [tmp_path.resolve() / "file"]
    file.close()


def path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").resolve()


def test_a_real_file_is_its_owners_alone(tmp_path: Path) -> None:
    DiskFile(tmp_path / "file").close()
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_files_are_written_whole_renamed_and_removed(disk: Disk) -> None:
    assert disk.read("a") is None
    disk.write("a", [b"one ", b"two"])
    assert disk.read("a") == b"one two"
    disk.write("a", [])
    assert disk.read("a") == b""
    file = disk.open("b")
    file.append(b"three")
    disk.replace("b", "a")
    assert (disk.read("a"), disk.read("b")) == (b"three", None)
    file.append(b" four")  # an open file goes with its new name
    assert disk.read("a") == b"three four"
    file.close()
    disk.remove("a")
    disk.remove("a")
    assert disk.read("a") is None
    disk.sync()


def test_a_draft_left_by_a_crash_is_no_part_of_what_is_written_next(disk: Disk) -> None:
    left = disk.open("a.new")
    left.append(b"left")
    left.close()
    disk.write("a", [b"whole"])
    assert disk.read("a") == b"whole"


@pytest.mark.parametrize("kind", ["open", "append", "sync", "replace", "sync folder", "close"])
def test_a_file_that_could_not_be_written_stays_as_it_was(kind: str) -> None:
    disk = FallibleDisk()
    disk.write("a", [b"old"])
    disk.on_call = Failing(0, frozenset([kind]), errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        disk.write("a", [b"new"])
    assert disk.read("a") == (b"new" if kind == "sync folder" else b"old")
    assert disk.read("a.new") is None, "a full disk gets back what was taken of it"


def test_a_draft_that_cannot_be_removed_does_not_hide_why_nothing_was_written() -> None:
    disk = FallibleDisk()

    def on_call(call: Call) -> None:
        if call.what == "append":
            disk.on_call = Failing(0, frozenset(["remove"]), errno.EIO)
            raise error(errno.ENOSPC)

    disk.on_call = on_call
    with pytest.raises(OSError, match="No space left"):
        disk.write("a", [b"new"])
    assert disk.read("a.new") == b"", "it could not be removed"


def test_a_file_is_written_whole_also_in_small_pieces() -> None:
    disk = FallibleDisk()
    disk.on_call = lambda call: min(call.size, 2) if call.what == "append" else None
    disk.write("a", [b"abcdef", b"g"])
    assert disk.read("a") == b"abcdefg"


def test_a_disk_that_takes_nothing_is_full() -> None:
    disk = FallibleDisk()
    disk.on_call = lambda call: 0 if call.what == "append" else None
    with pytest.raises(OSError, match="No space left") as full:
        disk.write("a", [b"abc"])
    assert full.value.errno == errno.ENOSPC


def test_a_write_is_durable_when_it_returns() -> None:
    disk = FallibleDisk()
    disk.write("a", [b"old"])
    disk.write("a", [b"new"])
    assert disk.after_power_cut(lambda count: 0).read("a") == b"new"


def test_a_folder_is_synced_by_its_own_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(path_of(fd)))
    Disk(tmp_path).sync()
    assert synced == [tmp_path.resolve()]
