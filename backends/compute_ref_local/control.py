"""A run's control folder: who supervises it, whether it began, how it ended."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute_ref.plugins import Exit, ExitReason


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The process that supervises a run; pids are used again, so boot and start time count."""

    pid: int
    started: int
    boot: str
    uid: int | None

    @classmethod
    def of(cls, pid: int, uid: int | None) -> Supervisor:
        """The living process `pid`."""
        return cls(pid, start_time(pid), boot_id(), uid)

    def descriptor(self) -> int | None:
        """A pidfd of the process, or None where it has ended."""
        if self.boot != boot_id():
            return None
        try:
            descriptor = os.pidfd_open(self.pid)
            if start_time(self.pid) == self.started:
                return descriptor
        except (ProcessLookupError, FileNotFoundError):
            return None
        os.close(descriptor)
        return None


@dataclass(frozen=True, slots=True)
class Control:
    """The files in one run's control folder."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Locked while a launch is under way or the supervisor lives."""
        return self.folder / "lock"

    @property
    def started(self) -> Path:
        """There once the algorithm was, or may have been, started."""
        return self.folder / "started"

    @property
    def exit(self) -> Path:
        """There once the run has ended."""
        return self.folder / "exit.json"

    @property
    def stop(self) -> Path:
        """There once a stop was asked, with the grace in seconds."""
        return self.folder / "stop"

    @property
    def supervisor(self) -> Path:
        """Who supervises."""
        return self.folder / "supervisor.json"

    def write_supervisor(self, supervisor: Supervisor) -> None:
        """Keep it, on the disk when this returns."""
        fields = [supervisor.pid, supervisor.started, supervisor.boot, supervisor.uid]
        write(self.supervisor, json.dumps(fields))

    def read_supervisor(self) -> Supervisor | None:
        """Who supervises or did, or None."""
        content = _read(self.supervisor)
        return None if content is None else Supervisor(*content)

    def read_exit(self) -> Exit | None:
        """How the run ended, or None."""
        content = _read(self.exit)
        if content is None:
            return None
        return Exit(content["code"], ExitReason(content["reason"]), content["message"])

    def await_lock(self) -> None:
        """Return once neither launch nor supervisor holds the lock."""
        if not self.lock.exists():
            return
        with self.lock.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def await_end(descriptor: int, timeout: float | None) -> bool:
    """Whether the process of a pidfd ended before `timeout` seconds had passed; takes it off."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(None if timeout is None else max(0, timeout) * 1000):
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


def write(path: Path, text: str) -> None:
    """Replace a file, whole or not at all, on the disk when this returns."""
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def boot_id() -> str:
    """The kernel's name of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return int(stat.rpartition(")")[2].split()[19])


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
