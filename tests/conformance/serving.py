"""A reference server in a process of its own, with the profile that it writes of itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute_ref.settings import Environment, Server, Settings
from compute_ref.testing.kit import listening

CONFIGURATION = """
[server]
port = 0
data_dir = "data"
sync = false
[[environments]]
id = "local"
backend = "local"
maxJobs = 4
[backends.local]
sandbox = "require"
"""


@dataclass(frozen=True)
class Serving:
    """Where it is reached, and what it wrote."""

    url: str
    profile: Path


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    """The local backend, sandboxed; four jobs at once."""
    configuration, profile = folder / "compute-ref.toml", folder / "profile.toml"
    configuration.write_text(CONFIGURATION)
    command = [sys.executable, "-m", "compute_ref", "serve", "--config", str(configuration)]
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            [*command, "--conformance-profile", str(profile)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said.startswith("Serving on "), (folder / "server.log").read_text()
            yield Serving(said.removeprefix("Serving on ").strip(), profile)
        finally:
            process.terminate()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The URL of an application of this process, on a free port."""
    settings = Settings((Environment("instant", "instant"),), server=Server(port=0))
    with listening(app, settings) as url:
        yield url


def command(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What ``compute-conformance`` does and says."""
    return subprocess.run(
        [sys.executable, "-m", "compute_conformance", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=600,
        cwd=cwd,
    )
