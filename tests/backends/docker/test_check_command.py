"""``compute-ref check`` with a Docker environment: a row for each thing, with its mend."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.backends.docker.daemons import Engine
from tests.backends.docker.servers import prepare

AWAY = "unix:///nowhere/docker.sock"


def checked(configuration: Path) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
    """Its exit code, and each row by what it is about."""
    command = [sys.executable, "-m", "compute_ref", "check", "--json", "--config"]
    done = subprocess.run([*command, str(configuration)], capture_output=True, text=True)
    return done.returncode, {row["about"]: row for row in json.loads(done.stdout)}


def test_there_are_rows_for_the_daemon_and_for_what_would_hold(
    tmp_path: Path, engine: Engine
) -> None:
    code, rows = checked(prepare(tmp_path, engine.host))
    assert (code, rows["backend docker"]["well"]) == (0, True)
    assert rows["backend docker"]["said"].startswith("Docker Engine ")
    assert 'set "live-restore"' in rows["backend docker"]["said"]
    assert "memory: by the kernel" in rows["environment docker"]["said"]


@pytest.mark.parametrize(
    ("host", "options", "said"),
    [
        (AWAY, "", f"does not answer at {AWAY}: start it"),
        ("", 'runtime = "nonsense"', "no container could be run"),
        ("", 'pull = "perhaps"', "pull: must be one of missing, always, never"),
    ],
    ids=["away", "unable", "wrong"],
)
def test_where_it_cannot_work_it_says_what_to_do(
    tmp_path: Path, engine: Engine, host: str, options: str, said: str
) -> None:
    code, rows = checked(prepare(tmp_path, host or engine.host, options=options))
    assert (code, rows["backend docker"]["well"]) == (1, False)
    assert said in rows["backend docker"]["said"]
    assert "environment docker" not in rows
