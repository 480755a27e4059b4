"""A service that is set up as the documentation says, under the systemd of this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, Run
from compute_ref_local.groups import ROOT
from tests.backends.local.conftest import Place, settle
from tests.backends.local.launching import LAUNCHER
from tests.cgroup.conftest import groups_below
from tests.cgroup.test_delegation import UNTIL_GO, finish

DOCUMENTED = Path(__file__).parents[2] / "docs" / "operating.md"
UNIT = Path("/run/systemd/system/compute-ref.service")
GROUP = ROOT / "system.slice" / UNIT.name
SUBGROUPS = 254  # the first systemd that starts a service in a group below its unit's


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A data folder for services; its own backend only takes up what they began."""
    place = Place(tmp_path / "data", sandbox="require", cgroup="none")
    yield place
    settle(place)
    systemctl("stop", UNIT.name)


@pytest.fixture
def silence(tmp_path: Path) -> Iterator[Path]:
    """A pipe that nothing is written to, and that does not end: a server's stdin."""
    pipe = tmp_path / "stdin"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDWR)
    yield pipe
    os.close(held)


def systemctl(*arguments: str) -> str:
    done = subprocess.run(["systemctl", *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def serve(place: Place, run: Run, silence: Path) -> str:
    """Start the documented service with a server that launches a run; returns what that said."""
    said = run.folders.control / "said"
    server = [sys.executable, LAUNCHER, str(place.data_dir), run.job_id]
    (unit,) = re.findall(r"```ini\n(\[Unit\].*?)```", DOCUMENTED.read_text(), re.DOTALL)
    unit = unit.replace("[Unit]", "[Unit]\nDefaultDependencies=no")
    unit = re.sub("ExecStart=.*", f"ExecStart={' '.join(server)} 'ENTRYPOINT' require", unit)
    more = f"""[Service]
Environment=PYTHONPATH={os.pathsep.join(sys.path)}
StandardInput=file:{silence}
StandardOutput=append:{said}"""
    unit = unit.replace("[Service]", more)
    UNIT.write_text(unit.replace("ENTRYPOINT", UNTIL_GO.replace("$", "$$")))
    systemctl("daemon-reload")
    systemctl("restart", UNIT.name)
    place.until(lambda: said.exists() and "launched" in said.read_text())
    assert systemctl("is-active", UNIT.name) == "active\n"
    return said.read_text()


def test_it_starts_again_while_runs_go_on_and_takes_them_up(place: Place, silence: Path) -> None:
    runs = place.run(UNTIL_GO), place.run(UNTIL_GO)
    version = int(systemctl("--version").split()[1])
    below = {"server"} if version >= SUBGROUPS else set()
    held = f"held by control groups below {GROUP}" if below else "watched"
    for run in runs:
        assert f"memory {held}" in serve(place, run, silence)
    assert [finish(place, run) for run in runs] == [Exit(9), Exit(9)]
    assert groups_below(GROUP) == below
