"""Copying a file by descriptor, by the cheapest road that the disk offers."""

from __future__ import annotations

import errno
import fcntl
import os
from typing import Final

FICLONE: Final = 0x40049409
CHUNK: Final = 2**20
ROAD_CLOSED: Final = frozenset(
    {errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM}
)


def copy(source: int, target: int, limit: int) -> int:
    """Copy at most `limit` bytes from the start of `source` to the empty `target`.

    By reflink where the disk has them, else copy_file_range, else by hand; never a hard link.
    Returns the number of bytes; raises OSError (a full disk, say).
    """
    if os.fstat(source).st_size <= limit and _cloned(source, target):
        return os.fstat(target).st_size
    return _copied(source, target, limit)


def _cloned(source: int, target: int) -> bool:
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno in ROAD_CLOSED:
            return False
        raise
    return True


def _copied(source: int, target: int, limit: int) -> int:
    done = 0
    road = _by_kernel
    while done < limit:
        try:
            count = road(source, target, min(CHUNK, limit - done))
        except OSError as error:
            if road is _by_hand or error.errno not in ROAD_CLOSED:
                raise
            os.lseek(source, done, os.SEEK_SET)
            road = _by_hand
            continue
        if count == 0:
            break
        done += count
    return done


def _by_kernel(source: int, target: int, count: int) -> int:
    return os.copy_file_range(source, target, count)


def _by_hand(source: int, target: int, count: int) -> int:
    data = memoryview(os.read(source, count))
    total = len(data)
    while data:
        data = data[os.write(target, data) :]
    return total
