"""What a run holds of the disk."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH101
from __future__ import annotations

import os
import stat

DEEPEST = 100  # folders within folders, each a descriptor while it is looked at
LEAST = 4096  # bytes that any file or folder counts
TOO_MUCH = 2**63
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PLACE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def disk_of(folder: str, limit: int) -> int:
    """Bytes below `folder`.

    Counting ends above `limit`; a tree too deep to be looked at counts as more than any limit.
    """
    try:
        descriptor = os.open(folder, FOLDER)
    except OSError:
        return 0
    try:
        return _below(descriptor, limit, 0)
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
