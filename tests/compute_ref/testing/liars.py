"""Local backends, each broken in one way that a stranger's backend may well be."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from compute_ref.plugins import Exit, ExitReason, Folders, Handle, Limits, Run, Site
from compute_ref_local import LocalBackend, backend, sandbox
from compute_ref_local.manner import Manner
from compute_ref_local.pidfds import Supervisor, tell


@cache
def manner(data_dir: Path) -> Manner | None:
    """How algorithms are run there, found out by one trial for all backends."""
    first = LocalBackend(Site({"sandbox": "require"}, data_dir, data_dir, loopback=True))
    first.check()
    return first._manner


def made(kind: type[LocalBackend], data_dir: Path) -> LocalBackend:
    """A sandboxed backend on a folder, without a trial of its own."""
    backend = kind(Site({"sandbox": "require"}, data_dir, data_dir, loopback=True))
    backend._manner = manner(data_dir.parents[1])
    return backend


class LaunchesTwice(LocalBackend):
    """A launch does not look whether there was one.

    All runs are of the server's user, so that the second is not kept from what the first wrote.
    """

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._users = None

    def launch(self, run: Run) -> Handle:
        name = self.name(run.job_id, run.number)
        control = self._control(name)
        with control.deciding() as lock:
            return Handle(name, self._start(run, control, self._found_manner(), lock))


class LooksAndThenLaunches(LaunchesTwice):
    """Between the look and the launch there is time for another."""

    def launch(self, run: Run) -> Handle:
        found = self.find(self.name(run.job_id, run.number))
        threading.Event().wait(0.5)
        return found or super().launch(run)


class RemembersInMemory(LocalBackend):
    """Knows only what this very object launched."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._known: set[str] = set()

    def launch(self, run: Run) -> Handle:
        handle = super().launch(run)
        self._known.add(handle.name)
        return handle

    def find(self, name: str) -> Handle | None:
        return super().find(name) if name in self._known else None


class LosesExitCodes(RemembersInMemory):
    """Finds what others launched, and does not know how it ended."""

    def find(self, name: str) -> Handle | None:
        return LocalBackend.find(self, name)

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        return end if handle.name in self._known or end is None else Exit(None, ExitReason.LOST)


class TimesInMemory(LocalBackend):
    """The time limit is a thread of the server."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._timers: list[threading.Timer] = []

    def launch(self, run: Run) -> Handle:
        handle = super().launch(replace(run, limits=replace(run.limits, seconds=0)))
        self._timers.append(threading.Timer(run.limits.seconds, self.stop, (handle.name, 0)))
        self._timers[-1].start()
        return handle

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()


class EndsRunsOnClose(RemembersInMemory):
    """Takes its runs along."""

    def find(self, name: str) -> Handle | None:
        return LocalBackend.find(self, name)

    def close(self) -> None:
        for name in self._known:
            self.stop(name, 0)


class FindsAnything(LocalBackend):
    """Every name is one of its runs."""

    def find(self, name: str) -> Handle | None:
        return Handle(name)


class FindsTheRemoved(RemembersInMemory):
    """Forgets nothing."""

    def find(self, name: str) -> Handle | None:
        return Handle(name) if name in self._known else super().find(name)


class NamesByJob(LocalBackend):
    """All runs of a job have one name."""

    def name(self, job_id: str, number: int) -> str:
        return super().name(job_id, 1)


class ListsNothing(LocalBackend):
    def list(self) -> Collection[str]:
        return []


class ListsTheRemoved(LocalBackend):
    """Whatever has a folder."""

    def list(self) -> Collection[str]:
        return [self.name(path.name, 1) for path in self._jobs.iterdir()]


class ListsWhatHasFolders(LocalBackend):
    def list(self) -> Collection[str]:
        return [name for name in super().list() if self._control(name).folder.is_dir()]


class RemovesFromSight(LocalBackend):
    """What runs goes on."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._hidden: set[str] = set()

    def list(self) -> Collection[str]:
        return set(super().list()) - self._hidden

    def remove(self, name: str) -> None:
        self._hidden.add(name)


class RemovesAll(LocalBackend):
    def remove(self, name: str) -> None:
        for each in {name, *self.list()}:
            super().remove(each)


class RemovesOnce(LocalBackend):
    """A second removal is a fault."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._removed: set[str] = set()

    def remove(self, name: str) -> None:
        if name in self._removed:
            raise KeyError(name)
        self._removed.add(name)
        super().remove(name)


class RefusesStrangers(LocalBackend):
    """What was never launched can be neither stopped nor removed."""

    def stop(self, name: str, grace: float) -> None:
        self._known(name)
        super().stop(name, grace)

    def remove(self, name: str) -> None:
        self._known(name)
        super().remove(name)

    def _known(self, name: str) -> None:
        if not self._control(name).folder.is_dir():
            raise KeyError(name)


class StopsEarly(LocalBackend):
    """Asks, and does not wait."""

    def stop(self, name: str, grace: float) -> None:
        supervisor = self._asked(name, grace)
        descriptor = supervisor.descriptor() if supervisor else None
        if descriptor is not None:
            tell(descriptor, signal.SIGTERM)
            os.close(descriptor)

    def _asked(self, name: str, grace: float) -> Supervisor | None:
        control = self._control(name)
        control.stop.write_text(str(grace))
        return control.read_supervisor()


class StopsLate(LocalBackend):
    """Has more patience than it is told to."""

    def stop(self, name: str, grace: float) -> None:
        super().stop(name, grace and grace + 3)


class StopsAll(LocalBackend):
    def stop(self, name: str, grace: float) -> None:
        for each in {name, *self.list()}:
            super().stop(each, grace)


class StopsWithoutAsking(LocalBackend):
    def stop(self, name: str, grace: float) -> None:
        supervisor = self._control(name).read_supervisor()
        if supervisor is not None:
            os.kill(supervisor.pid, signal.SIGKILL)
        super().stop(name, grace)


class StopsOnlyTheLaunched(LocalBackend):
    """A launch that comes later starts the algorithm."""

    def stop(self, name: str, grace: float) -> None:
        if self.find(name) is not None:
            super().stop(name, grace)


class StopsTheEnded(LocalBackend):
    """A stop is always how it ended."""

    def stop(self, name: str, grace: float) -> None:
        super().stop(name, grace)
        control = self._control(name)
        if control.launched:
            control.write_exit(Exit(143))


class WaitsNot(LocalBackend):
    """All is well."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        return Exit(0)


class WaitsForEver(LocalBackend):
    """Has no timeout."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        return super().wait(handle, None)


class TellsTheEndOnce(LocalBackend):
    """Whoever asks second is told that there is nothing."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._told: set[str] = set()

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        if end is None or handle.name not in self._told:
            self._told |= {handle.name} if end else set()
            return end
        return Exit(None, ExitReason.LOST)


class EndsWell(LocalBackend):
    """A run of which nothing is left was a good one."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        return Exit(0) if end and end.reason is ExitReason.LOST else end


class LeavesChildren(LocalBackend):
    """Something of the run lives on and writes."""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._left: list[subprocess.Popen[bytes]] = []

    def launch(self, run: Run) -> Handle:
        handle = super().launch(run)
        script = "while :; do echo x >> beat; done"
        self._left.append(subprocess.Popen(["sh", "-c", script], cwd=run.folders.outputs))
        return handle

    def close(self) -> None:
        for child in self._left:
            child.kill()
            child.wait()


class TellsNoReason(LocalBackend):
    """An end is an end."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        return end and replace(end, reason=ExitReason.EXITED)


class Altered(LocalBackend):
    """Launches another run than it was told to."""

    def launch(self, run: Run) -> Handle:
        return super().launch(self.altered(run))

    def altered(self, run: Run) -> Run:
        raise NotImplementedError


class HoldsNoLimit(Altered):
    def altered(self, run: Run) -> Run:
        return replace(run, limits=Limits())


class StartsAnyNumber(Altered):
    """Counts no processes."""

    def altered(self, run: Run) -> Run:
        return replace(run, limits=replace(run.limits, processes=0))


class HoldsTooMuch(Altered):
    """Ends what is within its limits."""

    def altered(self, run: Run) -> Run:
        return replace(run, limits=replace(run.limits, disk=run.limits.disk // 100))


class GivesNetwork(Altered):
    def altered(self, run: Run) -> Run:
        return replace(run, network=True)


class GivesNoNetwork(Altered):
    def altered(self, run: Run) -> Run:
        return replace(run, network=False)


class ExpandsVariables(Altered):
    """As a template would."""

    def altered(self, run: Run) -> Run:
        told = {name: text.replace("$(INPUTS)", "/data") for name, text in run.variables.items()}
        return replace(run, variables=told)


class SharesVariables(Altered):
    """The first run's variables are everybody's."""

    first: Mapping[str, str] | None = None

    def altered(self, run: Run) -> Run:
        self.first = self.first or run.variables
        return replace(run, variables=self.first)


class SplitsPaths(Altered):
    """Quotes nothing."""

    def altered(self, run: Run) -> Run:
        return replace(run, entrypoint=run.entrypoint.replace("'", ""))


class ShowsItsOwnVariables(Altered):
    """The server's variables are the algorithm's."""

    def altered(self, run: Run) -> Run:
        return replace(run, variables={**os.environ, **run.variables})


class NeedsAnInterpreter(Altered):
    """The algorithm is not a program."""

    def altered(self, run: Run) -> Run:
        (run.folders.transformations / "algorithm").chmod(0o644)
        return run


class RunsAnyImage(LocalBackend):
    """Takes whatever is there instead of an image that is not."""

    runs_images = True


class ShowsAllWritable(LocalBackend):
    """What is given to the algorithm is its own."""

    def _start(self, run: Run, *others: Any) -> Supervisor:
        with (
            mock.patch.object(backend, "give", _give_all),
            mock.patch.object(sandbox, "_data", _bind_all),
        ):
            return super()._start(run, *others)


class FollowsLinks(LocalBackend):
    """Makes all outputs readable, and what they lead to."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        for path in _outputs(self, handle).rglob("*"):
            with suppress(OSError):
                path.chmod(0o755)
        return end


class CopiesLinks(LocalBackend):
    """Puts what a link leads to in its place."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        for path in list(_outputs(self, handle).rglob("*")):
            if path.is_symlink() and path.is_file():
                content = path.read_bytes()
                path.unlink()
                path.write_bytes(content)
        return end


class CutsOutputs(LocalBackend):
    """The last byte is lost."""

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        end = super().wait(handle, timeout)
        big = _outputs(self, handle) / "big"
        os.truncate(big, big.stat().st_size - 1)
        return end


class SaysNothing(LocalBackend):
    def check(self) -> str:
        super().check()
        return ""


class Boasts(LocalBackend):
    """Says that it holds what is not set."""

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        return dict.fromkeys(super().enforced(limits), "of course")


class Modest(LocalBackend):
    """Says that it does not hold the memory."""

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        return {**super().enforced(limits), "memory": "no"}


def _outputs(liar: LocalBackend, handle: Handle) -> Path:
    return liar._control(handle.name).folder.parent / "outputs"


def _give_all(run: Run, uid: int) -> None:
    for name in ("inputs", "ddos", "transformations", "logs", "outputs"):
        folder: Path = getattr(run.folders, name)
        for path in (folder, *folder.iterdir()):
            path.chmod(0o777)


def _bind_all(run: Run, sources: sandbox.Sources) -> list[str]:
    arguments = []
    for name in Folders.__slots__[1:-1]:
        arguments += ["--bind", sources.at(getattr(run.folders, name)), f"/data/{name}"]
    return arguments
