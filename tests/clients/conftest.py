"""A live server with the shipped catalogue, and the clients that ``prepare.py`` installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute_ref.demo import ALGORITHM, DATASET, copy_catalogue

HERE = Path(__file__).parent
PATIENCE = 240  # seconds for a whole drive, on a machine that has other work


@pytest.fixture(scope="session")
def clients() -> Path:
    """The folder that ``prepare.py`` filled."""
    folder = os.environ.get("CLIENTS")
    if not folder:
        raise pytest.UsageError("run these with: tox -e clients (it installs the clients first)")
    return Path(folder)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server as anybody would start it, in a process of its own."""
    folder = tmp_path_factory.mktemp("server")
    copy_catalogue(folder / "assets")
    (folder / "compute-ref.toml").write_text(
        '[[environments]]\nid = "local"\nbackend = "local"\nmaxJobs = 2\n'
    )
    command = [sys.executable, "-m", "compute_ref", "serve", "--port", "0"]
    command += ["--config", "compute-ref.toml", "--catalogue", "assets", "--data-dir", "data"]
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdout is not None
        first = process.stdout.readline()
        try:
            assert first.startswith("Serving on "), (folder / "server.log").read_text()
            yield first.removeprefix("Serving on ").strip()
        finally:
            process.terminate()


def driven(command: list[str], server: str, report: Path) -> Any:
    """What a driver saw of the server."""
    done = subprocess.run(
        [*command, server, DATASET, ALGORITHM, str(report)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(report.read_text())


@pytest.fixture(scope="session")
def ocean_py(clients: Path, server: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the unmodified ocean.py saw."""
    python = str(clients / "ocean_py" / "bin" / "python")
    report = tmp_path_factory.mktemp("ocean_py") / "report.json"
    return driven([python, "-I", str(HERE / "ocean_py" / "driver.py")], server, report)


@pytest.fixture(scope="session")
def ocean_js(clients: Path, server: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the unmodified ocean.js saw."""
    report = tmp_path_factory.mktemp("ocean_js") / "report.json"
    return driven(["node", str(clients / "ocean_js" / "driver.mjs")], server, report)


@pytest.fixture(params=["ocean_py", "ocean_js"])
def seen(request: pytest.FixtureRequest) -> Any:
    """What a client saw, first the one, then the other."""
    return request.getfixturevalue(request.param)
