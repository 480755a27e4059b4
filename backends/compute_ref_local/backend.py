"""Runs algorithms as processes, each under a supervisor that outlives the server."""

from __future__ import annotations

import fcntl
import json
import logging
import math
import os
import re
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from compute_ref.plugins import (
    Backend,
    BackendUnavailable,
    Exit,
    ExitReason,
    Handle,
    Limits,
    Run,
    Site,
    run_name,
    shell_command,
)
from compute_ref_local.control import Control, Supervisor, await_end, tell, write
from compute_ref_local.options import Options
from compute_ref_local.sandbox import SandboxUnusable, Stage, command, probe, variables
from compute_ref_local.users import Users, end_all_of

logger = logging.getLogger("compute_ref.local")

NAME: Final = re.compile(r"compute-ref-(.+)-([0-9]+)")
SCRIPT: Final = str(Path(__file__).with_name("supervisor.py"))
GRACE: Final = 5.0  # seconds between TERM and KILL at the time limit
BEYOND_GRACE: Final = 5.0  # seconds that a supervisor may take to end after the last KILL
NOT_SANDBOXED: Final = (
    "Algorithms run WITHOUT a sandbox: they can read what their user can, and reach the network."
    " %s. Install bubblewrap, or set backends.local.sandbox to none to accept this."
)


class LocalBackend(Backend):
    """Sub-processes, sandboxed by bubblewrap where it works, with a user of their own from root."""

    def __init__(self, site: Site) -> None:
        self._options = Options.read(site.options)
        self._jobs = site.data_dir / "jobs"
        self._loopback = site.loopback
        self._root = os.geteuid() == 0
        self._users = Users(self._options.uid_base)
        self._sandboxed = False

    def check(self) -> str:
        """Find out by running it whether bubblewrap works, and what that means for this server."""
        if self._options.sandbox == "none":
            return "no sandbox, as configured"
        try:
            version = probe(self._options.uid_base if self._root else None)
        except SandboxUnusable as unusable:
            if self._options.sandbox == "require" or not self._loopback:
                raise BackendUnavailable(
                    f"{unusable}. Install bubblewrap and allow user namespaces, or set"
                    " backends.local.sandbox to none if you trust every algorithm."
                ) from unusable
            logger.warning(NOT_SANDBOXED, unusable)
            return f"no sandbox: {unusable}"
        self._sandboxed = True
        return f"sandboxed by {version.strip()}"

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """How each limit holds."""
        sandboxed = "bubblewrap" if self._sandboxed else "no"
        return {
            "time": "supervised",
            "cpu": "affinity",
            "memory": "watched every 250 ms",
            "disk": "watched every 250 ms",
            "processes": "kernel limit" if self._root else "watched every 250 ms",
            "filesystem": sandboxed,
            "network": sandboxed,
            "user": "own user for each run" if self._root else "the server's user",
        }

    def launch(self, run: Run) -> Handle:
        """Start the supervisor, tell it what to do once it can be found again."""
        name, control = self.name(run.job_id, run.number), Control(run.folders.control)
        known = self.find(name)
        if known is not None:
            return known
        lock = os.open(control.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        uid, user_lock = self._users.take() if self._root else (None, None)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if uid is not None:
                _give(run, uid)
            supervisor = self._start(run, control, lock, uid, user_lock)
        finally:
            os.close(lock)
            if user_lock is not None:
                os.close(user_lock)
        return Handle(name, supervisor)

    def find(self, name: str) -> Handle | None:
        """From the control folder, whose lock tells whether a supervisor still lives."""
        control = self._control(name)
        supervisor = control.read_supervisor()
        if supervisor is None or supervisor.descriptor() is None:
            control.await_lock()  # free already, or about to be: nothing was told to start
        if supervisor is None or not (control.started.exists() or _alive(supervisor)):
            return Handle(name, supervisor) if control.exit.exists() else None
        return Handle(name, supervisor)

    def list(self) -> Collection[str]:
        """Runs whose supervisor lives."""
        return [
            run_name(path.parts[-4], int(path.parts[-3]))
            for path in self._jobs.glob("*/*/control/supervisor.json")
            if (supervisor := Control(path.parent).read_supervisor()) and _alive(supervisor)
        ]

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        """On the supervisor's pidfd; it ends after everything of the run has ended."""
        control = self._control(handle.name)
        supervisor: Supervisor | None = handle.data
        descriptor = supervisor.descriptor() if supervisor else None
        if descriptor is not None:
            try:
                if not await_end(descriptor, timeout):
                    return None
            finally:
                os.close(descriptor)
        ended = control.read_exit()
        if ended is None and supervisor is not None:
            _end_rest(supervisor)
        return ended or Exit(None, ExitReason.LOST, "Neither process nor exit code is left.")

    def stop(self, name: str, grace: float) -> None:
        """TERM by the supervisor, KILL after the grace; the supervisor itself if it hangs."""
        control = self._control(name)
        if not control.folder.exists():
            return
        write(control.stop, str(grace))
        supervisor = control.read_supervisor()
        descriptor = supervisor.descriptor() if supervisor else None
        if supervisor is None:
            return
        if descriptor is not None:
            try:
                tell(descriptor, signal.SIGTERM)
                if not await_end(descriptor, grace + BEYOND_GRACE):
                    tell(descriptor, signal.SIGKILL)
                    await_end(descriptor, None)
            finally:
                os.close(descriptor)
        if not control.exit.exists():
            _end_rest(supervisor)

    def remove(self, name: str) -> None:
        """Nothing is made outside of the run's own folder but processes."""
        self.stop(name, 0)

    def _control(self, name: str) -> Control:
        found = NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"not the name of a run: {name}")
        return Control(self._jobs / found[1] / found[2] / "control")

    def _start(
        self, run: Run, control: Control, lock: int, uid: int | None, user_lock: int | None
    ) -> Supervisor:
        spec = self._spec(run, control, uid)
        orders, into = os.pipe2(os.O_CLOEXEC)
        actions: list[tuple[Any, ...]] = [
            (os.POSIX_SPAWN_DUP2, orders, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, str(control.folder / "supervisor.log"), _LOG, 0o600),
            (os.POSIX_SPAWN_DUP2, lock, 50),
        ]
        if user_lock is not None:
            actions.append((os.POSIX_SPAWN_DUP2, user_lock, 51))
        try:
            arguments = [sys.executable, "-I", "-S", SCRIPT]
            pid = os.posix_spawn(
                sys.executable, arguments, {}, file_actions=actions, setsid=True, setsigmask=[]
            )
            supervisor = Supervisor.of(pid, uid)
            control.write_supervisor(supervisor)
            with os.fdopen(into, "w", encoding="utf-8") as told:
                json.dump(spec, told)
        finally:
            os.close(orders)
        return supervisor

    def _spec(self, run: Run, control: Control, uid: int | None) -> dict[str, Any]:
        limits, stage = run.limits, Stage([], uid is not None)
        if self._sandboxed:
            argv, env = command(run, self._options.bind, stage), {"PATH": os.defpath}
            cwd = "/"
        else:
            root = str(run.folders.root)
            algorithm = f"{run.folders.transformations}/algorithm"
            argv = ["sh", "-c", shell_command(run.entrypoint, algorithm)]
            env, cwd = variables(run, root), root
        return {
            "argv": argv,
            "env": env,
            "cwd": cwd,
            "uid": uid,
            "mounts": stage.mounts() if self._sandboxed else [],
            "around": 2 if self._sandboxed else 0,
            "cores": _cores(limits.cpus, run.job_id),
            "rlimits": _rlimits(limits, uid),
            "log": str(run.folders.logs / "algorithm.log"),
            "log_limit": limits.log,
            "outputs": str(run.folders.outputs),
            "memory": limits.memory,
            "disk": limits.disk,
            "processes": limits.processes,
            "seconds": limits.seconds,
            "grace": GRACE,
            "stop": str(control.stop),
            "started": str(control.started),
            "exit": str(control.exit),
        }


_LOG: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def _alive(supervisor: Supervisor) -> bool:
    descriptor = supervisor.descriptor()
    if descriptor is None:
        return False
    try:
        return not await_end(descriptor, 0)
    finally:
        os.close(descriptor)


def _end_rest(supervisor: Supervisor) -> None:
    """End what a supervisor that was killed left behind; its user was this run's alone."""
    if supervisor.uid is not None:
        end_all_of(supervisor.uid)


def _give(run: Run, uid: int) -> None:
    """Let the run's user, and no other run's, into its folders; only outputs are its own."""
    folders = run.folders
    for folder in (folders.inputs, folders.ddos, folders.transformations, folders.logs):
        os.chown(folder, 0, uid)
        folder.chmod(0o750)
    os.chown(folders.outputs, uid, uid)
    folders.outputs.chmod(0o700)


def _cores(cpus: float, job_id: str) -> list[int]:
    """As many processors as the environment gives, spread over the jobs."""
    all_cores = sorted(os.sched_getaffinity(0))
    count = math.ceil(cpus)
    if not 0 < count < len(all_cores):
        return []
    first = sum(job_id.encode()) % len(all_cores)
    return [all_cores[(first + n) % len(all_cores)] for n in range(count)]


def _rlimits(limits: Limits, uid: int | None) -> dict[str, int]:
    found = {"RLIMIT_CORE": 0, "RLIMIT_NOFILE": 1024}
    if limits.disk:
        found["RLIMIT_FSIZE"] = limits.disk
    if limits.memory:
        found["RLIMIT_DATA"] = 2 * limits.memory  # what one look may miss stays bounded
    if limits.processes and uid is not None:
        found["RLIMIT_NPROC"] = limits.processes + 4  # bubblewrap's own two among them
    return found
