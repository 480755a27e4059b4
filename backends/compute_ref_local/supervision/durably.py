"""Files that are on the disk before anything depends on them."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH104, PTH108, PTH110, PTH120, PTH123
from __future__ import annotations

import os

ROOM = 4096  # bytes, more than the end of any run takes


def create(path: str) -> None:
    """Make an empty file, on the disk when this returns."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666))
    _sync_names(path)


def keep_room(path: str, pid: int) -> None:
    """Take the room now for what process `pid` is to write to `path`: the disk may be full then.

    OSError where there is none.
    """
    with open(_draft(path, pid), "wb") as file:
        os.posix_fallocate(file.fileno(), 0, ROOM)


def give_room_back(path: str, pid: int) -> None:
    """Process `pid` writes nothing; it may be that there was no room."""
    draft = _draft(path, pid)
    if os.path.exists(draft):
        os.unlink(draft)


def write(path: str, text: str) -> None:
    """Write a file whole or not at all, on the disk when this returns."""
    draft = _draft(path, os.getpid())
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb") as file:
        file.write(text.encode())
        file.truncate()
        os.fsync(file.fileno())
    os.rename(draft, path)
    _sync_names(path)


def _sync_names(path: str) -> None:
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft(path: str, pid: int) -> str:
    return f"{path}.{pid}"
