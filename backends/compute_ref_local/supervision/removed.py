"""Files without a name that processes of a run hold yet, in memory or on a disk."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH116, PTH208
from __future__ import annotations

import os
import stat

from .kernel import in_memory
from .processes import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_MAPPED = 10_000  # files: to look at one takes some 50 microseconds
LONGEST_MAPS = 2**28  # bytes, which the kernel writes in some two seconds
GONE = b" (deleted)"


def removed(pids: Iterable[int], uid: int, disk: int) -> dict[int, int] | None:
    """Bytes of the user's files that were removed, or never had a name, by their device.

    Those on any disk are under the device `disk`. None where the processes have mapped more than
    can be looked at.
    """
    paths: list[str] = []
    mapped: dict[bytes, str] = {}
    length = 0
    for pid in pids:
        maps = _maps(pid)
        paths += _opened(pid)
        mapped |= _mapped(pid, maps)
        length += len(maps)
        if len(mapped) > MOST_MAPPED or length > LONGEST_MAPS:
            return None
    found = dict(_nameless((*paths, *mapped.values()), uid))
    return _by_device(found.values(), disk)


def _by_device(found: Iterable[tuple[int | None, int]], disk: int) -> dict[int, int]:
    totals: dict[int, int] = {}
    for memory, size in found:
        device = disk if memory is None else memory
        totals[device] = totals.get(device, 0) + size
    return totals


def _nameless(
    paths: Iterable[str], uid: int
) -> Iterator[tuple[tuple[int, int], tuple[int | None, int]]]:
    """Each file by device and inode, with its device if that is memory, and its bytes."""
    for path in paths:
        try:
            file = os.stat(path)
            if file.st_nlink == 0 and file.st_uid == uid and stat.S_ISREG(file.st_mode):
                memory = file.st_dev if in_memory(path) else None
                yield (file.st_dev, file.st_ino), (memory, file.st_blocks * 512)
        except OSError:  # closed since
            continue


def _opened(pid: int) -> list[str]:
    folder = f"/proc/{pid}/fd"
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]
    except OSError:
        return []


def _maps(pid: int) -> bytes:
    """What a process has mapped; nothing for others than root, who may not follow it to files."""
    return read(f"/proc/{pid}/maps") if os.geteuid() == 0 else b""


def _mapped(pid: int, maps: bytes) -> dict[bytes, str]:
    """One mapping of each removed file, by device and inode."""
    found = {}
    for line in maps.splitlines():
        if line.endswith(GONE):
            addresses, _, _, *file = line.split()[:5]
            begin, end = (int(address, 16) for address in addresses.split(b"-"))
            found[b" ".join(file)] = f"/proc/{pid}/map_files/{begin:x}-{end:x}"
    return found
