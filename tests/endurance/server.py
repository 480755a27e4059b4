"""``compute-ref serve`` with one plug-in more, for tests that want it at a chosen moment.

``server.py CONFIGURATION [kill-at STATUS]``: the process gets a SIGKILL the moment a job has
reached STATUS. ``server.py CONFIGURATION [hold FOLDER]``: jobs stay at 50 or 60 while FOLDER has
a pipe of that name to which nobody has written.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from compute_ref.app import create_app
from compute_ref.configuration import load
from compute_ref.jobs.model import Job
from compute_ref.plugins import hookimpl
from compute_ref.serving import serve


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


PLUGINS = {"kill-at": KillAt, "hold": Hold}


def main(configuration: str, *plugin: str) -> int:
    settings = load(Path(configuration))
    plugins = [PLUGINS[plugin[0]](plugin[1])] if plugin else []
    return serve(create_app(settings, plugins=plugins), settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
