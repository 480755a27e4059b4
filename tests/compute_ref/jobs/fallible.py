"""A disk in memory that fails when it is told to, and whose power can be cut.

What a power cut leaves: what was synced, for sure; of all later calls the first few, the last of
them perhaps in part; and of the pages that these wrote any may be missing, and then read as they
did before, or as zeros. Of the names made, changed and removed since the folder was synced, the
first few. A failed sync loses what it should have taken, as the kernel takes such pages for
clean: it can be read until the power goes, but no later sync takes it either.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from compute_ref.jobs.files import Disk

PAGE: Final = 512  # bytes that a disk writes whole or not at all

Pick = Callable[[int], int]
"""Which of so many possibilities comes true, from 0 on."""


def least(count: int) -> int:
    """Nothing is left but what must be."""
    return 0


def most(count: int) -> int:
    """Everything is left."""
    return count - 1


class Call(NamedTuple):
    """One call of the disk: what is done to which file, and how many bytes it means."""

    what: str
    name: str
    size: int = 0


class OnCall(Protocol):
    """Is told of each call before it has any effect.

    May raise OSError, then it has none; of an append may return how many bytes are taken.
    """

    def __call__(self, call: Call, /) -> int | None: ...


def nothing_happens(call: Call) -> None:
    """Every call does what it should."""


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


class Failing:
    """Lets the one call of that number fail, from 0 on, counted among those of `kinds`."""

    def __init__(self, number: int, kinds: frozenset[str], code: int = errno.EIO) -> None:
        self._left = number
        self._kinds = kinds
        self._code = code
        self.failed: Call | None = None

    def __call__(self, call: Call) -> None:
        if call.what not in self._kinds:
            return
        self._left -= 1
        if self._left == -1:
            self.failed = call
            raise error(self._code)


@dataclass
class Inode:
    """A file: as programs see it, as it is on the platter, and what is on its way there."""

    data: bytearray = field(default_factory=bytearray)
    platter: bytearray = field(default_factory=bytearray)
    dirty: list[tuple[int, bytes | None]] = field(default_factory=list)

    @classmethod
    def holding(cls, data: bytes) -> Inode:
        return cls(bytearray(data), bytearray(data))

    def write(self, offset: int, data: bytes | None) -> None:
        """Write at a place; None cuts the file there."""
        carry_out(self.data, offset, data)
        self.dirty.append((offset, data))

    def sync(self) -> None:
        for offset, data in self.dirty:
            carry_out(self.platter, offset, data)
        self.dirty.clear()

    def left(self, pick: Pick) -> bytes:
        """What a power cut leaves of it."""
        left = bytearray(self.platter)
        whole = pick(len(self.dirty) + 1)
        for offset, data in self.dirty[:whole]:
            carry_out(left, offset, data)
        if whole < len(self.dirty):
            offset, data = self.dirty[whole]
            if data is not None:
                carry_out(left, offset, data[: pick(len(data) + 1)])
        for start in range(0, len(left), PAGE):
            page, before = left[start : start + PAGE], self.platter[start : start + PAGE]
            if page != before and not pick(4):
                left[start : start + PAGE] = before.ljust(len(page), b"\0")[: len(page)]
        return bytes(left)


def carry_out(data: bytearray, offset: int, written: bytes | None) -> None:
    if written is None:
        del data[offset:]
        return
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(written)] = written


class FallibleFile:
    """A file of a FallibleDisk."""

    def __init__(self, disk: FallibleDisk, name: str, inode: Inode) -> None:
        self._disk = disk
        self._name = name
        self.inode = inode

    def size(self) -> int:
        return len(self.inode.data)

    def append(self, data: bytes) -> int:
        taken = self._disk.called("append", self._name, len(data))
        with self._disk.lock:
            data = data if taken is None else data[:taken]
            self.inode.write(len(self.inode.data), data)
        return len(data)

    def read(self, offset: int, length: int) -> bytes:
        self._disk.called("read", self._name, length)
        return bytes(self.inode.data[offset : offset + length])

    def truncate(self, size: int) -> None:
        self._disk.called("truncate", self._name)
        with self._disk.lock:
            self.inode.write(size, None)

    def renew(self, start: int) -> None:
        self._disk.called("renew", self._name)
        with self._disk.lock:
            self.inode.write(start, bytes(self.inode.data[start:]))

    def sync(self) -> None:
        try:
            self._disk.called("sync", self._name)
        except OSError:
            self.inode.dirty.clear()
            raise
        with self._disk.lock:
            self.inode.sync()

    def close(self) -> None:
        self._disk.called("close", self._name)


class FallibleDisk(Disk):
    """A folder's files. `calls` lists what was asked; `on_call` is asked before each of them."""

    def __init__(self, files: Mapping[str, Inode] | None = None) -> None:
        self.lock = threading.RLock()
        self.calls: list[Call] = []
        self.on_call: OnCall = nothing_happens
        self._names = [dict(files or {})]  # as synced, then after each later change

    @property
    def files(self) -> Mapping[str, Inode]:
        """The files by name, as programs see them."""
        return self._names[-1]

    def called(self, what: str, name: str, size: int = 0) -> int | None:
        call = Call(what, name, size)
        self.calls.append(call)
        return self.on_call(call)

    def open(self, name: str) -> FallibleFile:
        self.called("open", name)
        with self.lock:
            if name not in self.files:
                self._names.append({**self.files, name: Inode()})
            return FallibleFile(self, name, self.files[name])

    def read(self, name: str) -> bytes | None:
        self.called("load", name)
        inode = self.files.get(name)
        return None if inode is None else bytes(inode.data)

    def replace(self, old: str, new: str) -> None:
        self.called("replace", old)
        with self.lock:
            others = {name: inode for name, inode in self.files.items() if name != old}
            self._names.append({**others, new: self.files[old]})

    def remove(self, name: str) -> None:
        self.called("remove", name)
        with self.lock:
            if name in self.files:
                others = {known: inode for known, inode in self.files.items() if known != name}
                self._names.append(others)

    def sync(self) -> None:
        self.called("sync folder", "")
        with self.lock:
            del self._names[:-1]

    def as_seen(self) -> FallibleDisk:
        """The disk as another process sees it; what is not synced still is not."""
        with self.lock:
            copy = FallibleDisk()
            copy._names = deepcopy(self._names)
            return copy

    def after_power_cut(self, pick: Pick) -> FallibleDisk:
        """The disk after a power cut at this moment."""
        with self.lock:
            names = self._names[pick(len(self._names))]
            return FallibleDisk({n: Inode.holding(i.left(pick)) for n, i in names.items()})
