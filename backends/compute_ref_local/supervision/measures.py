"""What a run holds of memory and disk."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH101, PTH116, PTH208
from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from .processes import read

DEEPEST = 100  # folders within folders, each a descriptor while it is looked at
LEAST = 4096  # bytes that any file or folder counts
TOO_MUCH = 2**63
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def memory_of(pids: Iterable[int], limit: int) -> int:
    """Bytes that processes hold together; what they share is told apart only above `limit`."""
    quick = {pid: _kilobytes(f"/proc/{pid}/status", RESIDENT) * 1024 for pid in pids}
    if sum(quick.values()) <= limit:
        return sum(quick.values())
    exact = {pid: _kilobytes(f"/proc/{pid}/smaps_rollup", PROPORTIONAL) * 1024 for pid in quick}
    return sum(exact[pid] or held for pid, held in quick.items())


RESIDENT = (b"RssAnon:", b"RssShmem:", b"VmSwap:")
PROPORTIONAL = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")


def _kilobytes(path: str, names: tuple[bytes, ...]) -> int:
    lines = read(path).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(names))


def disk_of(folder: str, pids: Iterable[int], limit: int) -> int:
    """Bytes below `folder`, and in files that were removed from it but are open yet.

    Counting ends above `limit`; a tree too deep to be looked at counts as more than any limit.
    """
    try:
        descriptor = os.open(folder, FOLDER)
    except OSError:
        return 0
    try:
        device = os.fstat(descriptor).st_dev
        return _below(descriptor, limit, 0) + _removed(pids, device)
    finally:
        os.close(descriptor)


def _below(folder: int, limit: int, depth: int) -> int:
    if depth > DEEPEST:
        return TOO_MUCH
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            total += _entry(entry, folder, limit - total, depth)
            if total > limit:
                break
    return total


def _entry(entry: os.DirEntry[str], folder: int, limit: int, depth: int) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
        size = max(found.st_blocks * 512, found.st_size, LEAST)
        if not stat.S_ISDIR(found.st_mode):
            return size
        inner = _opened(entry.name, folder)
    except OSError:  # gone since it was listed
        return 0
    try:
        return size + _below(inner, limit - size, depth + 1)
    finally:
        os.close(inner)


def _opened(name: str, folder: int) -> int:
    """A folder of the algorithm, which may have closed it to everybody."""
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except PermissionError:
        place = os.open(name, PLACE, dir_fd=folder)
        try:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
        finally:
            os.close(place)
        return os.open(name, FOLDER, dir_fd=folder)


def _removed(pids: Iterable[int], device: int) -> int:
    found: dict[int, int] = {}
    for pid in pids:
        for path in _descriptors(pid):
            try:
                file = os.stat(path)
            except OSError:
                continue
            if file.st_nlink == 0 and file.st_dev == device and stat.S_ISREG(file.st_mode):
                found[file.st_ino] = file.st_blocks * 512
    return sum(found.values())


def _descriptors(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]
    except OSError:
        return []
