"""A run's own control group (version 2), in which the kernel itself holds limits."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH102, PTH106, PTH110
from __future__ import annotations

import os
import select

from .processes import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SWAP = "memory.swap.max"  # not there where the kernel does not count swap


def join(group: str, bounds: Mapping[str, str]) -> None:
    """Make the group, set its bounds, then move this process into it."""
    os.mkdir(group)
    _bound(group, bounds)
    _write(f"{group}/cgroup.procs", "0")


def holds(group: str, bounds: Mapping[str, str]) -> bool:
    """Whether the group is held to its bounds; ones that were lost are set again.

    A service manager may take controllers away; the next server hands them down anew.
    """
    if all(_is(f"{group}/{name}", bound) for name, bound in bounds.items()):
        return True
    try:
        _bound(group, bounds)
    except OSError:
        return False
    return True


def ran_out(group: str) -> bool:
    """Whether the kernel ended processes of the group because its memory was used up."""
    events = dict(line.split() for line in read(f"{group}/memory.events").splitlines())
    return int(events.get(b"oom_kill", 0)) > 0


def end(group: str) -> None:
    """KILL all of the group at once; nothing where it is gone or the kernel is older than 5.14."""
    try:
        _write(f"{group}/cgroup.kill", "1")
    except FileNotFoundError:
        return


def remove(group: str) -> None:
    """Remove the group, where it is there, once the last of its processes has ended."""
    try:
        events = os.open(f"{group}/cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while b"populated 1" in os.pread(events, 4096, 0):
            poll.poll()
    finally:
        os.close(events)
    os.rmdir(group)


def _bound(group: str, bounds: Mapping[str, str]) -> None:
    for name, bound in bounds.items():
        if name != SWAP or os.path.exists(f"{group}/{name}"):
            _write(f"{group}/{name}", bound)


def _is(path: str, bound: str) -> bool:
    return read(path).decode().strip() == bound or path.endswith(SWAP)


def _write(path: str, content: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, content.encode())
    finally:
        os.close(file)
