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
    """The configured group, or the delegated one that this process is below, ready for runs.

    Controllers are handed down only by a group without processes of its own. Raises NoGroup.
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
    """The group above this process's own, where it is delegated.

    The own one is never taken: a service manager could start no process in it any more, once it
    had handed controllers down to runs that outlive this process.
    """
    own = ROOT / _own().lstrip("/")
    if not _is_marked(own.parent):
        raise NoGroup(f"the server is in {own}, not in a group below a delegated one")
    return own.parent


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
    if (group / "cgroup.procs").read_text(encoding="ascii"):
        raise NoGroup(f"processes are in {group}: it has to have none of its own")
    control = group / "cgroup.subtree_control"
    control.write_text(" ".join(f"+{name}" for name in CONTROLLERS), encoding="ascii")
