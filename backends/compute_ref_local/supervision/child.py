"""From a fork of the supervisor to the algorithm: mounts, limits, user, then exec."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH102, PTH112, PTH116, PTH123, PTH208
from __future__ import annotations

import os
import resource

from .calls import refusal
from .group import join
from .kernel import (
    NO_NEW_PRIVS,
    PDEATHSIG,
    bind,
    mount_memory,
    own_mounts,
    prctl,
    refuse_calls,
)
from .processes import processes
from .signals import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .orders import Orders

STATUS = 3  # the descriptor on which the sandbox tells how it went
FILTER = 4  # and the one from which it reads what calls to refuse
FIRST_TO_END = b"1000"  # for the kernel, when the machine has no memory left


def become(orders: Orders, output: int, status: int, parent: int) -> None:
    """Turn this process into the algorithm; returns only by an OSError."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(status, STATUS)
    os.set_inheritable(STATUS, orders["sandboxed"])
    os.closerange(STATUS + 1, 65_536)
    if orders["group"]:
        join(orders["group"], orders["bounds"])
    if orders["filtered"] and orders["sandboxed"]:
        _hand_over(refusal())
    if orders["mounts"]:
        show(orders["mounts"], orders["stage"])
    _limit(orders)
    _change_user(orders["uid"])
    prctl(PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise OSError("the supervisor has ended")
    if not orders["sandboxed"]:
        prctl(NO_NEW_PRIVS, 1)
        if orders["filtered"]:
            refuse_calls(refusal())
    os.umask(0o022)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.chdir(orders["cwd"])
    os.execve(orders["program"], orders["argv"], orders["env"])  # noqa: S606


def show(sources: Sequence[str], stage: str) -> None:
    """In mounts of this process's own, show each source below `stage` under its number.

    The run's user could not walk to them; all are opened before one of them may be covered.
    """
    own_mounts()
    places = [os.open(source, os.O_PATH | os.O_CLOEXEC) for source in sources]
    mount_memory(stage)
    for number, place in enumerate(places):
        target = f"{stage}/{number}"
        if os.path.isdir(f"/proc/self/fd/{place}"):
            os.mkdir(target)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
        bind(f"/proc/self/fd/{place}", target)


def _hand_over(program: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, program)
    os.close(writing)
    os.dup2(reading, FILTER)
    os.set_inheritable(FILTER, True)


def _limit(orders: Orders) -> None:
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(FIRST_TO_END)
    if orders["cores"]:
        os.sched_setaffinity(0, orders["cores"])
    tasks = orders["tasks"]
    if tasks:
        tasks += 0 if orders["uid"] is not None else _tasks_of(os.geteuid())
        orders["rlimits"]["RLIMIT_NPROC"] = tasks
    for name, limit in orders["rlimits"].items():
        number = getattr(resource, name)
        most = resource.getrlimit(number)[1]
        bound = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(number, (bound, bound))


def _tasks_of(uid: int) -> int:
    """Threads of a user, whom the algorithm shares with the server: its own are to come on top."""
    count = 0
    for pid in processes():
        try:
            if os.stat(f"/proc/{pid}").st_uid == uid:
                count += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue
    return count


def _change_user(uid: int | None) -> None:
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
