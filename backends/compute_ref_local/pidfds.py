"""Processes that are surely the ones meant, though process ids are used again."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path

from compute_ref_local.supervision.processes import stat_of


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The process that supervises a run: `started` in clock ticks since `boot`.

    `uid` is the run's own user and `group` its control group, None where it has none.
    """

    pid: int
    started: int
    boot: str
    uid: int | None
    group: str | None = None

    @classmethod
    def of(cls, pid: int, uid: int | None, group: str | None) -> Supervisor:
        """The process `pid`, a child of this one."""
        return cls(pid, start_time(pid) or 0, boot_id(), uid, group)

    def fields(self) -> list[int | str | None]:
        """What makes it, in order."""
        return [self.pid, self.started, self.boot, self.uid, self.group]

    def descriptor(self) -> int | None:
        """A pidfd of the process, or None where it has ended."""
        if self.boot != boot_id():
            return None
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None
        if start_time(self.pid) == self.started:
            return descriptor
        os.close(descriptor)
        return None


def await_end(descriptor: int, timeout: float | None) -> bool:
    """Whether the process of a pidfd ended before `timeout` seconds had passed.

    A child of this process is then taken off the process table.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(None if timeout is None else max(0.0, timeout) * 1000):
        return False
    try:
        os.waitid(os.P_PIDFD, descriptor, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return True  # another server started it, or another thread took it off
    return True


def tell(descriptor: int, number: signal.Signals) -> None:
    """Signal the process of a pidfd; one that has ended is no matter."""
    try:
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return


def boot_id() -> str:
    """The kernel's name of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot."""
    fields = stat_of(pid)
    return None if fields is None else int(fields[19])
