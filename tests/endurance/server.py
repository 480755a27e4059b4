"""``compute-ref serve`` with one plug-in more, for tests that want it at a chosen moment.

``server.py CONFIGURATION [kill-at STATUS]``: the process gets a SIGKILL the moment a job has
reached STATUS. ``server.py CONFIGURATION [hold FOLDER]``: jobs stay at 50 or 60 while FOLDER has
a pipe of that name to which nobody has written. ``server.py CONFIGURATION [clock FILE]``: the wall
clock is as many seconds off as FILE says. ``server.py CONFIGURATION [offer NAME]``: there is the
instant backend under that name.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from compute_ref.app import create_app
from compute_ref.clock import Clock
from compute_ref.configuration import load
from compute_ref.jobs.model import Job
from compute_ref.plugins import BackendFactory, hookimpl
from compute_ref.serving import serve
from compute_ref.testing.instant import InstantBackend


class KillAt:
    """Ends this process, with no chance to tidy up, when a job reaches `status`."""

    def __init__(self, status: str) -> None:
        self.status = int(status)

    @hookimpl
    def job_changed(self, job: Job) -> None:
        if job.status == self.status:
            os.kill(os.getpid(), signal.SIGKILL)


class Hold:
    """A filter and a publisher that take as long as their pipe in `folder` wants."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    @hookimpl
    def filter_results(self, job: Job, folder: Path) -> None:
        self.wait("50")

    @hookimpl
    def publish_results(self, job: Job, folder: Path) -> None:
        self.wait("60")

    def wait(self, status: str) -> None:
        pipe = self.folder / status
        if pipe.exists():
            pipe.read_text()


class ShiftedClock(Clock):
    """A fake: the wall clock of a machine that somebody sets, ahead or back, while it runs."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def now(self) -> float:
        return super().now() + float(self.file.read_text())


class Forgetful(InstantBackend):
    """A fake for long use: what was called of a run is forgotten with the run."""

    def remove(self, name: str) -> None:
        super().remove(name)
        for verb in ("name", "launch", "find", "wait", "stop", "remove"):
            self.calls.pop((verb, name), None)


class Offer:
    """The instant backend, under its name, with no counts of calls that would grow."""

    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl
    def backends(self) -> Mapping[str, BackendFactory]:
        return {self.name: Forgetful}


PLUGINS = {"kill-at": KillAt, "hold": Hold, "offer": Offer}


def main(configuration: str, *plugin: str) -> int:
    settings = load(Path(configuration))
    kind, argument = plugin or ("", "")
    plugins = [PLUGINS[kind](argument)] if kind in PLUGINS else []
    clock = ShiftedClock(argument) if kind == "clock" else None
    return serve(create_app(settings, plugins=plugins, clock=clock), settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
