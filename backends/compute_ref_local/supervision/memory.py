"""What a run holds of memory."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH116
from __future__ import annotations

import os

from .processes import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SCRATCH = ("/dev/shm", "/tmp")  # noqa: S108 - a sandbox's, in memory
INODE = 2048  # bytes that the kernel may need for a file in memory, beside its content

OWN, SHARED, TABLES = (b"RssAnon:", b"VmSwap:"), (b"RssShmem:",), (b"VmPTE:",)
PART_OF_OWN, PART_OF_SHARED = (b"Pss_Anon:", b"SwapPss:"), (b"Pss_Shmem:",)


def memory_of(pids: Sequence[int], files: int, limit: int) -> int:
    """Bytes that processes hold together, beside `files` in memory or mapping them.

    What the processes share is told apart only above `limit`.
    """
    status = [read(f"/proc/{pid}/status") for pid in pids]
    tables = sum(_bytes(one, TABLES) for one in status)
    total = tables + _together(((_bytes(one, OWN), _bytes(one, SHARED)) for one in status), files)
    if total <= limit:
        return total
    return tables + _together(map(_parts, pids), files)


def scratch_of(pids: Iterable[int]) -> dict[int, int]:
    """Bytes in the places in memory that sandboxed processes may write to, by their devices."""
    for pid in pids:
        try:
            return dict(_scratch(f"/proc/{pid}/root{place}") for place in SCRATCH)
        except OSError:  # it has ended
            continue
    return {}


def _scratch(place: str) -> tuple[int, int]:
    there = os.statvfs(place)
    blocks, inodes = there.f_blocks - there.f_bfree, there.f_files - there.f_ffree
    return os.stat(place).st_dev, blocks * there.f_frsize + inodes * INODE


def _parts(pid: int) -> tuple[int, int]:
    """A process's part of what it holds; all of it where that is not for this user to see."""
    content = read(f"/proc/{pid}/smaps_rollup")
    if content:
        return _bytes(content, PART_OF_OWN), _bytes(content, PART_OF_SHARED)
    status = read(f"/proc/{pid}/status")  # nothing where it has ended meanwhile
    return _bytes(status, OWN), _bytes(status, SHARED)


def _together(held: Iterable[tuple[int, int]], files: int) -> int:
    own, shared = map(sum, zip((0, 0), *held, strict=True))
    return own + max(shared, files)


def _bytes(content: bytes, names: tuple[bytes, ...]) -> int:
    lines = content.splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
