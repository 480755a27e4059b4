"""Finding the processes of a run and ending them."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import os

from .signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROUNDS = 100  # of stopping what was forked meanwhile


def processes() -> list[int]:
    """All processes of the machine, as far as this one may see them."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def descendants() -> list[int]:
    """All processes below this one, parents first; ended ones too until they are reaped."""
    children: dict[int, list[int]] = {}
    for pid in processes():
        parent = parent_of(pid)
        if parent is not None:
            children.setdefault(parent, []).append(pid)
    found = list(children.get(os.getpid(), ()))
    for pid in found:
        found += children.get(pid, ())
    return found


def parent_of(pid: int) -> int | None:
    """The parent of a process, or None where that is gone."""
    fields = stat_of(pid)
    return None if fields is None else int(fields[1])


def stat_of(pid: int) -> list[str] | None:
    """The fields of ``/proc/<pid>/stat`` from the state on, or None."""
    content = read(f"/proc/{pid}/stat")
    return content.decode("utf-8", "replace").rpartition(")")[2].split() or None


def read(path: str) -> bytes:
    """A small file of /proc, b"" where it is gone or not ours to read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def send(pids: Iterable[int], number: int) -> None:
    """Signal processes; those that are gone or not ours to signal are left out."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def end(find: Callable[[], Iterable[int]]) -> None:
    """KILL all that `find` finds: they are stopped first, so that none forks while others end."""
    stopped: set[int] = set()
    for _ in range(ROUNDS):
        new = set(find()) - stopped
        if not new:
            break
        send(new, signal.SIGSTOP)
        stopped |= new
    send(stopped, signal.SIGKILL)
