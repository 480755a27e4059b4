"""Finding the control group below which each run gets one of its own."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from compute_ref.plugins import Limits

ROOT: Final = Path("/sys/fs/cgroup")
CONTROLLERS: Final = ("cpu", "memory", "pids")
DELEGATED: Final = ("user.delegate", "trusted.delegate")  # systemd's marks of what it gave away
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
PERIOD: Final = 100_000  # microseconds
QUOTA: Final = 1_000  # of them in each period: the kernel takes no less


class NoGroup(Exception):
    """There is no control group to use; the text says why."""


def prepared(configured: Path | None) -> Path:
    """The configured group, or the one that was delegated to this process, ready for runs.

    Controllers are handed down only by a group without processes of its own: where this process
    is alone in it, it moves into a group below. Raises NoGroup.
    """
    if not (ROOT / "cgroup.controllers").exists():
        raise NoGroup(f"there are no control groups of version 2 at {ROOT}")
    try:
        group = configured or _delegated()
        _hand_down(group)
    except OSError as failed:
        raise NoGroup(str(failed)) from failed
    return group


def bounds(limits: Limits, tasks: int) -> dict[str, str]:
    """What holds `limits`, and at most so many `tasks` (threads), as files of a group."""
    quota = max(QUOTA, round(limits.cpus * PERIOD)) if limits.cpus else "max"
    return {
        "memory.max": str(limits.memory // PAGE * PAGE or "max"),
        "memory.swap.max": "0" if limits.memory else "max",
        "memory.oom.group": "1",
        "pids.max": str(tasks or "max"),
        "cpu.max": f"{quota} {PERIOD}",
    }


def _delegated() -> Path:
    own = ROOT / _own().lstrip("/")
    for group in (own, own.parent):
        if _is_marked(group):
            return group
    raise NoGroup(f"the server's group {own} was not delegated to it (as Delegate=yes does)")


def _own() -> str:
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    raise NoGroup("the server is in no control group of version 2")


def _is_marked(group: Path) -> bool:
    for name in DELEGATED:
        with contextlib.suppress(OSError):
            if os.getxattr(group, name) == b"1":
                return True
    return False


def _hand_down(group: Path) -> None:
    there = (group / "cgroup.controllers").read_text(encoding="ascii").split()
    missing = [name for name in CONTROLLERS if name not in there]
    if missing:
        raise NoGroup(f"{group} may not use the controllers {', '.join(missing)}")
    _leave(group)
    control = group / "cgroup.subtree_control"
    control.write_text(" ".join(f"+{name}" for name in CONTROLLERS), encoding="ascii")


def _leave(group: Path) -> None:
    inside = (group / "cgroup.procs").read_text(encoding="ascii").split()
    if inside == [str(os.getpid())]:
        below = group / "server"
        below.mkdir(exist_ok=True)
        (below / "cgroup.procs").write_text("0", encoding="ascii")
    elif inside:
        raise NoGroup(f"other processes are in {group}: start the server in a group of its own")
