"""Runs algorithms as processes, each under a supervisor that outlives the server."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from compute_ref.plugins import (
    RUN_NAME,
    Backend,
    BackendUnavailable,
    Exit,
    ExitReason,
    Handle,
    Limits,
    Run,
    Site,
)
from compute_ref.plugins.control import drafts, write
from compute_ref.plugins.folders import give
from compute_ref_local.control import Control
from compute_ref_local.groups import NoGroup, prepared
from compute_ref_local.leftovers import end_all_below
from compute_ref_local.manner import Manner
from compute_ref_local.options import Options
from compute_ref_local.pidfds import Supervisor, await_end, tell
from compute_ref_local.probing import BareUnusable, Places, bare, sandboxed
from compute_ref_local.sandbox import SandboxUnusable
from compute_ref_local.starting import orders, start
from compute_ref_local.supervision import group
from compute_ref_local.users import Users

logger = logging.getLogger("compute_ref.local")

BEYOND_GRACE: Final = 0.75  # seconds that a supervisor may take to end after the last KILL
LOST: Final = Exit(None, ExitReason.LOST, "Neither process nor exit code is left.")
UNSTARTED: Final = Exit(None, ExitReason.BACKEND, "The supervisor ended before it began.")
MEND: Final = (
    "Install bubblewrap and allow user namespaces, or set backends.local.sandbox to none if you"
    " trust every algorithm."
)
EXPOSED: Final = "Without one, server.host must be an address of loopback."
UNHELD: Final = (
    "Algorithms run WITHOUT a sandbox: %s. They can read what %s can, reach the network and"
    " write where it may; memory, disk and processes are only watched. Install bubblewrap, or set"
    " backends.local.sandbox to none to accept this."
)
OUTSIDE: Final = (
    "backends.local.cgroup: no algorithm could be run in a group below %s. Let the server write"
    " cgroup.procs there and in the group above both, and install bubblewrap: without it or a user"
    " of its own, an algorithm could leave its group"
)


class LocalBackend(Backend):
    """Sub-processes, sandboxed by bubblewrap where it works, with a user of their own from root."""

    def __init__(self, site: Site) -> None:
        self._options = Options.read(site.options)
        self._loopback = site.loopback
        self._jobs = site.data_dir / "jobs"
        self._own = site.data_dir / "local"
        self._users = Users(self._options.uid_base) if os.geteuid() == 0 else None
        self._manner: Manner | None = None
        self._finding = threading.Lock()

    def check(self) -> str:
        """Find out by running one how algorithms are run here, and what that leaves open."""
        with self._finding:
            self._manner = self._find_manner()
        return self._manner.described()

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """How each limit holds, in the manner that :meth:`check` found."""
        return self._found_manner().enforced(limits)

    def launch(self, run: Run) -> Handle:
        """Start the supervisor, tell it what to do once it can be found again."""
        name = self.name(run.job_id, run.number)
        control, manner = self._control(name), self._found_manner()
        with control.deciding() as lock:
            if control.launched:
                return Handle(name, control.read_supervisor())
            try:
                return Handle(name, self._start(run, control, manner, lock))
            except OSError as failed:
                raise BackendUnavailable(f"the supervisor did not start: {failed}") from failed

    def find(self, name: str) -> Handle | None:
        """From the run's control folder, once no launch of it is under way."""
        control = self._control(name)
        if not control.folder.is_dir():
            return None
        with control.deciding():
            return Handle(name, control.read_supervisor()) if control.launched else None

    def list(self) -> Collection[str]:
        """Runs that are supervised, or were when their supervisor or a launch was killed."""
        folder = self._own / "runs"
        if not folder.is_dir():
            return []
        names = {path.name for path in folder.iterdir()} | {name for name, _ in drafts(folder)}
        return [name for name in names if RUN_NAME.fullmatch(name)]

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        """On the supervisor's pidfd; it ends after everything of the run has ended."""
        control = self._control(handle.name)
        supervisor: Supervisor | None = handle.data or control.read_supervisor()
        return self._await(control, supervisor, timeout)

    def stop(self, name: str, grace: float) -> None:
        """TERM by the supervisor, KILL after the grace; the supervisor itself if it hangs."""
        control = self._control(name)
        if control.exit.exists() and not control.record.exists():
            return
        with contextlib.suppress(FileNotFoundError):  # never launched, or removed by the engine
            write(control.stop, str(grace))
        supervisor = control.read_supervisor()
        if supervisor is None:
            return
        _end(supervisor, grace)
        if control.read_exit() is None:
            self._settle(control, supervisor)

    def remove(self, name: str) -> None:
        """Stop; what was made outside of the run's own folder is the record of its supervisor."""
        self.stop(name, 0)
        record = self._control(name).record
        left = [draft for of, draft in drafts(record.parent) if of == name]
        for path in (record, *left):
            path.unlink(missing_ok=True)

    def _control(self, name: str) -> Control:
        found = RUN_NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"not the name of a run: {name}")
        return Control(self._jobs / found[1] / found[2] / "control", self._own / "runs" / name)

    def _start(self, run: Run, control: Control, manner: Manner, lock: int) -> Supervisor:
        control.record.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not manner.own_users or self._users is None:
            told = orders(run, control, manner, self._options.bind, None)
            return start(told, control, lock, None)
        with self._users.one() as (uid, user_lock):
            give(run.folders, uid)
            told = orders(run, control, manner, self._options.bind, uid)
            return start(told, control, lock, user_lock)

    def _await(
        self, control: Control, supervisor: Supervisor | None, timeout: float | None
    ) -> Exit | None:
        descriptor = supervisor.descriptor() if supervisor else None
        if descriptor is not None:
            try:
                if not await_end(descriptor, timeout):
                    return None
            finally:
                os.close(descriptor)
        return control.read_exit() or self._settle(control, supervisor)

    def _settle(self, control: Control, supervisor: Supervisor | None) -> Exit:
        """End what a supervisor that was killed left, and put on record that it is over."""
        if supervisor is not None:
            self._end_rest(control, supervisor)
        unstarted = control.folder.is_dir() and not control.started.exists()
        end = UNSTARTED if unstarted else LOST
        with contextlib.suppress(FileNotFoundError):
            control.write_exit(end)
        control.record.unlink(missing_ok=True)
        return end

    def _end_rest(self, control: Control, supervisor: Supervisor) -> None:
        if supervisor.group is not None:
            group.end(supervisor.group)
        if supervisor.uid is not None and self._users is not None:
            self._users.end_rest(supervisor.uid)
        else:
            end_all_below(control.folder.parent)
        if supervisor.group is not None:
            group.remove(supervisor.group)

    def _found_manner(self) -> Manner:
        with self._finding:
            if self._manner is None:
                self._manner = self._find_manner()
            return self._manner

    def _find_manner(self) -> Manner:
        self._own.mkdir(mode=0o711, parents=True, exist_ok=True)
        groups, reason = self._find_groups()
        manner = self._find_sandbox((None,) if groups is None else (groups, None))
        if self._options.group is not None and manner.groups is None:
            raise BackendUnavailable(OUTSIDE % groups)
        if reason:
            logger.info("Memory is watched, no control group holds it: %s", reason)
        return manner

    def _find_groups(self) -> tuple[Path | None, str]:
        """The group above those of runs, or None and why nobody has one ("": as configured)."""
        if self._options.cgroup == "none":
            return None, ""
        try:
            return prepared(self._options.group), ""
        except NoGroup as reason:
            if self._options.group is not None:
                raise BackendUnavailable(f"backends.local.cgroup: {reason}") from reason
            return None, str(reason)

    def _find_sandbox(self, places: Places) -> Manner:
        own_users = self._users is not None
        reason = "as configured"
        if self._options.sandbox != "none":
            try:
                return sandboxed(self._try, self._own, own_users, places)
            except SandboxUnusable as unusable:
                reason = str(unusable)
                self._refuse_unless_bearable(reason)
        try:
            manner = bare(self._try, self._own, own_users, places)
        except BareUnusable as unusable:
            problem = _unusable(str(unusable), own_users, self._own.parent)
            raise BackendUnavailable(problem) from unusable
        if self._options.sandbox != "none":
            user = "a user of their own" if own_users else "the server's user"
            logger.warning(UNHELD, reason, user)
        return manner

    def _refuse_unless_bearable(self, reason: str) -> None:
        if self._options.sandbox == "require":
            raise BackendUnavailable(f"no sandbox: {reason}. {MEND}")
        if not self._loopback:
            raise BackendUnavailable(f"no sandbox: {reason}. {EXPOSED} {MEND}")

    def _try(self, manner: Manner, run: Run) -> tuple[Exit, str]:
        folders = run.folders
        control = Control(folders.control, folders.control / "record")
        with control.deciding() as lock:
            supervisor = self._start(run, control, manner, lock)
        end = self._await(control, supervisor, None) or LOST
        logs = (folders.logs / "algorithm.log", control.log)
        return end, "".join(path.read_text(errors="replace") for path in logs if path.exists())


def _end(supervisor: Supervisor, grace: float) -> None:
    descriptor = supervisor.descriptor()
    if descriptor is None:
        return
    try:
        tell(descriptor, signal.SIGTERM)
        if not await_end(descriptor, grace + BEYOND_GRACE):
            tell(descriptor, signal.SIGKILL)
            await_end(descriptor, None)
    finally:
        os.close(descriptor)


def _unusable(problem: str, own_users: bool, data_dir: Path) -> str:
    if own_users:
        return (
            f"an algorithm could not be run as a user of its own ({problem}): let every user pass"
            f" through the folders above {data_dir}, or run the server as another user than root"
        )
    return f"an algorithm could not be run: {problem}"
