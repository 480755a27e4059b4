"""Ending what is left of a run whose supervisor was killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from compute_ref_local.pidfds import await_end
from compute_ref_local.supervision.processes import end, processes, read, stat_of


def end_all_of(uid: int) -> None:
    """End every process of a user that runs have to themselves."""
    _end(lambda: [pid for pid in processes() if _owner(pid) == uid and _is_alive(pid)])


def end_all_below(root: Path) -> None:
    """End every process whose variables name a run's folder: the best there is without a user.

    A sandbox ends with its supervisor; this is for algorithms that run without one.
    """
    mark = f"VOLUME={root}".encode()
    _end(lambda: [pid for pid in processes() if _has(pid, mark) and _is_alive(pid)])


def _end(find: Callable[[], list[int]]) -> None:
    while found := find():
        descriptors = list(_descriptors(found))
        end(find)
        for descriptor in descriptors:
            await_end(descriptor, None)
            os.close(descriptor)


def _is_alive(pid: int) -> bool:
    """Not merely waiting to be reaped."""
    fields = stat_of(pid)
    return fields is not None and fields[0] not in "ZX"


def _has(pid: int, mark: bytes) -> bool:
    return mark in read(f"/proc/{pid}/environ").split(b"\0")


def _descriptors(pids: list[int]) -> Iterator[int]:
    for pid in pids:
        try:
            yield os.pidfd_open(pid)
        except ProcessLookupError:
            continue


def _owner(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - of every process, for every run
    except OSError:
        return None
