"""What a run's outputs hold of the disk, while the algorithm may change them as it likes."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

DEEPEST: Final = 100  # folders within folders, each a descriptor while it is looked at
LEAST: Final = 4096  # bytes that any file or folder counts
TOO_MUCH: Final = 2**63
FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def bytes_below(folder: Path, limit: int) -> int:
    """Bytes of files and folders below `folder`; no link is followed, no pipe opened.

    Counting ends above `limit`. A tree that is too deep to be looked at, or closed to the
    server, counts as more than any limit.
    """
    try:
        return _below(str(folder), None, limit, 0)
    except FileNotFoundError:
        return 0


def _below(name: str, parent: int | None, limit: int, depth: int) -> int:
    if depth > DEEPEST:
        return TOO_MUCH
    folder = os.open(name, FOLDER, dir_fd=parent)
    try:
        total = 0
        with os.scandir(folder) as entries:
            for entry in entries:
                total += _entry(entry, folder, limit - total, depth)
                if total > limit:
                    break
        return total
    finally:
        os.close(folder)


def _entry(entry: os.DirEntry[str], folder: int, limit: int, depth: int) -> int:
    try:
        found = entry.stat(follow_symlinks=False)
        size = max(found.st_blocks * 512, found.st_size, LEAST)
        if not stat.S_ISDIR(found.st_mode):
            return size
        return size + _below(entry.name, folder, limit - size, depth + 1)
    except PermissionError:
        return TOO_MUCH
    except OSError:  # gone, or another thing, since it was listed
        return 0
