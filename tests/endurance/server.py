"""``compute-ref serve`` with one plug-in more, for tests that kill it at a chosen moment.

``server.py CONFIGURATION [kill-at STATUS]``: the process gets a SIGKILL the moment a job has
reached STATUS.
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

    def __init__(self, status: int) -> None:
        self.status = status

    @hookimpl
    def job_changed(self, job: Job) -> None:
        if job.status == self.status:
            os.kill(os.getpid(), signal.SIGKILL)


def main(configuration: str, *plugin: str) -> int:
    settings = load(Path(configuration))
    plugins = [KillAt(int(plugin[1]))] if plugin else []
    return serve(create_app(settings, plugins=plugins), settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
