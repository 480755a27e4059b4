"""Runs that a server in a process of its own launches, which is then killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from compute_ref.plugins import Run
from tests.backends.local.conftest import Place

LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))


def launched_and_killed(place: Place, run: Run, within: Sequence[str] = ()) -> str:
    """Launch a run from another process and kill -9 that; returns what its check said.

    `within` is the beginning of the command that starts the process.
    """
    server = subprocess.Popen(
        [
            *(*within, sys.executable, LAUNCHER),
            *(str(place.data_dir), run.job_id, run.entrypoint, "require"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with server:
        assert server.stdout is not None
        checked = server.stdout.readline()
        assert server.stdout.readline().startswith("launched")
        server.kill()
    return checked
