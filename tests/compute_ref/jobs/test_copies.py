"""Copies by each road: all of a file, or as much as may be, and the first road that is open."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import NoReturn

import pytest

from compute_ref.jobs import copies

DATA = bytes(range(256)) * 40


def closed(*_: int) -> NoReturn:
    raise OSError(errno.EXDEV, "another disk")


def broken(*_: int) -> NoReturn:
    raise OSError(errno.EIO, "a broken disk")


def copied(folder: Path, limit: int) -> tuple[int, bytes]:
    """What `copy` returns for a file of DATA, and what it wrote."""
    (folder / "source").write_bytes(DATA)
    with (folder / "source").open("rb") as source, (folder / "target").open("w+b") as target:
        count = copies.copy(source.fileno(), target.fileno(), limit)
    return count, (folder / "target").read_bytes()


@pytest.fixture(params=["kernel", "hand"])
def road(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(copies, "_cloned", lambda *_: False)
    monkeypatch.setattr(copies, "CHUNK", 1000)
    if request.param == "hand":
        monkeypatch.setattr(os, "copy_file_range", closed)
    return str(request.param)


@pytest.mark.parametrize("limit", [0, 1, 999, 1000, 1001, len(DATA), len(DATA) + 1])
def test_a_copy_has_as_many_bytes_as_may_be(tmp_path: Path, road: str, limit: int) -> None:
    count, data = copied(tmp_path, limit)
    assert data == DATA[:limit]
    assert count == len(data)


def test_a_disk_that_has_reflinks_is_asked_for_one_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reflink(target: int, request: int, source: int) -> None:
        assert request == copies.FICLONE
        os.write(target, os.pread(source, len(DATA), 0))

    monkeypatch.setattr(fcntl, "ioctl", reflink)
    monkeypatch.setattr(os, "copy_file_range", broken)
    assert copied(tmp_path, len(DATA)) == (len(DATA), DATA)


def test_by_hand_goes_on_where_little_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(copies, "_cloned", lambda *_: False)
    monkeypatch.setattr(os, "copy_file_range", closed)
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:100]))
    assert copied(tmp_path, len(DATA)) == (len(DATA), DATA)


def test_a_road_that_closes_midway_is_left_where_it_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, calls = os.copy_file_range, []

    def once(source: int, target: int, count: int) -> int:
        calls.append(count)
        return kernel(source, target, count) if len(calls) == 1 else closed()

    monkeypatch.setattr(copies, "_cloned", lambda *_: False)
    monkeypatch.setattr(copies, "CHUNK", 1000)
    monkeypatch.setattr(os, "copy_file_range", once)
    assert copied(tmp_path, 5000) == (5000, DATA[:5000])
    assert calls == [1000, 1000]


def test_a_broken_disk_is_no_closed_road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_cloned", lambda *_: False)
    monkeypatch.setattr(os, "copy_file_range", broken)
    with pytest.raises(OSError, match="broken"):
        copied(tmp_path, len(DATA))


def test_by_hand_is_the_last_road(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "_cloned", lambda *_: False)
    monkeypatch.setattr(os, "copy_file_range", closed)
    monkeypatch.setattr(os, "write", closed)
    with pytest.raises(OSError, match="another disk"):
        copied(tmp_path, len(DATA))
