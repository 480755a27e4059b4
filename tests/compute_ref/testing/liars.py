"""Local backends, each broken in one way that a stranger's backend may well be."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Collection
from dataclasses import replace

from compute_ref.plugins import Exit, ExitReason, Handle, Run, Site
from compute_ref_local import LocalBackend
from compute_ref_local.pidfds import Supervisor, tell


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
