"""Starting a supervisor and telling it what to do."""

from __future__ import annotations

import marshal
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from compute_ref.plugins import Limits, Run, environment_variables, shell_command
from compute_ref_local.control import Control
from compute_ref_local.groups import bounds
from compute_ref_local.manner import Manner, cores_for
from compute_ref_local.pidfds import Supervisor
from compute_ref_local.sandbox import Sources, home
from compute_ref_local.supervision.child import FILTER
from compute_ref_local.supervision.durably import give_room_back, keep_room
from compute_ref_local.supervision.orders import Orders

PROGRAM: Final = (
    "import sys; sys.path[:0] = [sys.argv[1]]; from supervision.main import main; main()"
)
PACKAGES: Final = str(Path(__file__).parent)
GRACE: Final = 5.0  # seconds between TERM and KILL at the time limit
LOG: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND
TASKS_PER_PROCESS: Final = 4  # threads that the kernel allows before the watch sees a process
SPARE_TASKS: Final = 64
LOCKED: Final = 2**16  # bytes: a single one may pin a huge page, which then is in no process
SPARE_BYTES: Final = 2**20  # so that a file that is cut off is seen to be more than is allowed


def orders(
    run: Run, control: Control, manner: Manner, bind: tuple[str, ...], uid: int | None
) -> Orders:
    """Everything that the supervisor needs to know."""
    limits, folders = run.limits, run.folders
    sources = Sources(manner.staged)
    root = "/data" if manner.bubblewrap else str(folders.root)
    shell = _shell(run, root)
    group = manner.group(run)
    filtered = manner.filtered and not (group and manner.bubblewrap)  # the group counts it all
    tasks = limits.processes and limits.processes * TASKS_PER_PROCESS + SPARE_TASKS
    around = []
    if manner.bubblewrap:
        around = manner.bubblewrap.command(run, uid or os.geteuid(), sources, bind)
        around[1:1] = ["--seccomp", str(FILTER)] if filtered else []
    return {
        "program": around[0] if around else shutil.which("sh") or "/bin/sh",
        "argv": [*around, *shell],
        "shell": shell,
        "env": {**home(), **environment_variables(run, root)},
        "cwd": "/" if around else root,
        "uid": uid,
        "sandboxed": bool(around),
        "filtered": filtered,
        "group": group or "",
        "bounds": bounds(limits, tasks),
        "mounts": sources.mounts,
        "stage": sources.stage,
        "cores": cores_for(limits.cpus, run.job_id),
        "rlimits": _rlimits(limits, held=group is not None),
        "tasks": 0 if group else tasks,
        "processes": limits.processes,
        "memory": limits.memory,
        "disk": limits.disk,
        "outputs": str(folders.outputs),
        "seconds": limits.seconds,
        "grace": GRACE,
        "log": str(folders.logs / "algorithm.log"),
        "log_limit": limits.log,
        "stop": str(control.stop),
        "started": str(control.started),
        "exit": str(control.exit),
        "record": str(control.record),
    }


def start(told: Orders, control: Control, lock: int, user_lock: int | None) -> Supervisor:
    """Start a supervisor, make it sure to be found again, then tell it to go.

    It inherits both locks. Until it has its orders whole, it starts nothing. OSError, and nothing
    of it is left, where one of this cannot be done, or where there is no room for the run's end.
    """
    reading, writing = os.pipe2(os.O_CLOEXEC)
    with os.fdopen(writing, "wb") as pipe:
        try:
            pid = _spawn(control, reading, lock, user_lock)
        finally:
            os.close(reading)
        supervisor = Supervisor.of(pid, told["uid"], told["group"] or None)
        try:
            keep_room(told["exit"], pid)
            control.write_supervisor(supervisor)
        except OSError:
            pipe.close()
            os.waitpid(pid, 0)
            give_room_back(told["exit"], pid)
            raise
        marshal.dump(dict[str, Any](**told), pipe)
    return supervisor


def _spawn(control: Control, orders: int, lock: int, user_lock: int | None) -> int:
    kept = [lock] if user_lock is None else [lock, user_lock]
    actions: list[tuple[Any, ...]] = [
        (os.POSIX_SPAWN_DUP2, orders, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, str(control.log), LOG, 0o600),
        *((os.POSIX_SPAWN_DUP2, descriptor, descriptor) for descriptor in kept),
    ]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", "-c", PROGRAM, PACKAGES, str(lock)],
        _libraries(),
        file_actions=actions,
        setsid=True,
        setsigmask=[signal.SIGTERM],
        setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
    )


def _libraries() -> Mapping[str, str]:
    """What the interpreter itself may need to start."""
    path = os.environ.get("LD_LIBRARY_PATH")
    return {} if path is None else {"LD_LIBRARY_PATH": path}


def _shell(run: Run, root: str) -> list[str]:
    return ["sh", "-c", shell_command(run.entrypoint, f"{root}/transformations/algorithm")]


def _rlimits(limits: Limits, *, held: bool) -> dict[str, int]:
    """Limits of each process; `held`: a control group holds the memory of all."""
    found = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 1024, "RLIMIT_MEMLOCK": LOCKED}
    if limits.disk:
        found["RLIMIT_FSIZE"] = limits.disk + SPARE_BYTES
    if limits.memory and not held:
        found["RLIMIT_DATA"] = 2 * limits.memory  # what one look may miss stays bounded
    return found
