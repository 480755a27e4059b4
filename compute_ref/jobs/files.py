"""The journal's file, call by call, so that tests can break any of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from compute_ref.syncing import sync_folder


class JournalFile(Protocol):
    """A file that grows at its end and is read anywhere."""

    def size(self) -> int:
        """Bytes in the file."""

    def append(self, data: bytes) -> int:
        """Write at the end; returns the bytes written, which may be fewer."""

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""

    def renew(self, start: int) -> None:
        """Write what stands from `start` on once more, as it is.

        Where a sync has failed, the system may take for written what is not: a later one skips it.
        """

    def sync(self) -> None:
        """Return once everything appended is on the disk."""

    def close(self) -> None:
        """Let go of the file."""


class DiskFile:
    """A real file, made with mode 0600 if it is not there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self._descriptor).st_size

    def append(self, data: bytes) -> int:
        """Write at the end."""
        return os.write(self._descriptor, data)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        return os.pread(self._descriptor, length, offset)

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(self._descriptor, size)

    def renew(self, start: int) -> None:
        """Write the end of the file once more; by its name, as our descriptor only appends."""
        with self._path.open("r+b") as file:
            file.seek(start)
            end = file.read()
            file.seek(start)
            file.write(end)

    def sync(self) -> None:
        """Wait for the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class MemoryFile:
    """A file that lives as long as the object, for servers inside other people's tests."""

    def __init__(self) -> None:
        self._data = bytearray()

    def size(self) -> int:
        """Bytes in the file."""
        return len(self._data)

    def append(self, data: bytes) -> int:
        """Write at the end."""
        self._data += data
        return len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`."""
        return bytes(self._data[offset : offset + length])

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        del self._data[size:]

    def renew(self, start: int) -> None:
        """Nothing to do."""

    def sync(self) -> None:
        """Nothing to wait for."""

    def close(self) -> None:
        """Nothing to let go of."""


class Disk:
    """One folder's files, by name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, name: str) -> JournalFile:
        """A file for appending and reading, made if it is not there."""
        return DiskFile(self._folder / name)

    def read(self, name: str) -> bytes | None:
        """All of a file; None where there is none."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Replace a file, whole or not at all, durable when this returns."""
        draft = name + ".new"
        self.remove(draft)
        try:
            self._write(draft, pieces)
            self.replace(draft, name)
        except BaseException:
            with suppress(OSError):  # what it took of a full disk
                self.remove(draft)
            raise
        self.sync()

    def replace(self, old: str, new: str) -> None:
        """Rename `old` to `new`, whether or not there is one; durable after `sync`."""
        (self._folder / old).replace(self._folder / new)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self._folder / name).unlink(missing_ok=True)

    def sync(self) -> None:
        """Make names made, renamed or removed durable."""
        sync_folder(self._folder)

    def _write(self, name: str, pieces: Iterable[bytes]) -> None:
        file = self.open(name)
        try:
            for piece in pieces:
                append_all(file, piece)
            file.sync()
        finally:
            file.close()


def append_all(file: JournalFile, data: bytes) -> None:
    """Append all of `data`, however little is taken at once.

    Raises OSError, also for a file that takes nothing; some of it may be there then.
    """
    written = 0
    while written < len(data):
        written += file.append(data[written:]) or _full()


def _full() -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
