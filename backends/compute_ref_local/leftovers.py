"""Ending what is left of a run whose supervisor was killed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from compute_ref_local.pidfds import await_end
from compute_ref_local.supervision.processes import end, processes, read, stat_of


def end_all_of(uid: int) -> None:
    """End every process of a user that runs have to themselves."""
    _end(lambda: [pid for pid in _alive() if _owner(pid) == uid])


def end_all_below(root: Path) -> None:
    """End every process whose variables name a run's folder: the best there is without a user.

    A sandbox ends with its supervisor; this is for algorithms that run without one.
    """
    mark = f"VOLUME={root}".encode()
    _end(lambda: [pid for pid in _alive() if mark in read(f"/proc/{pid}/environ").split(b"\0")])


def _end(find: Callable[[], list[int]]) -> None:
    while found := find():
        descriptors = list(_descriptors(found))
        end(find)
        for descriptor in descriptors:
            await_end(descriptor, None)
            os.close(descriptor)


def _alive() -> Iterator[int]:
    """Processes that are not merely waiting to be reaped."""
    for pid in processes():
        fields = stat_of(pid)
        if fields is not None and fields[0] not in "ZX":
            yield pid


def _descriptors(pids: list[int]) -> Iterator[int]:
    for pid in pids:
        try:
            yield os.pidfd_open(pid)
        except ProcessLookupError:
            continue


def _owner(pid: int) -> int | None:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return None
