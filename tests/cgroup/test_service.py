"""What systemd delegates to a service that is set up as the documentation says."""

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
from tests.backends.local import test_lifetime
from tests.backends.local.conftest import Place, settle
from tests.cgroup.conftest import groups_below

DOCUMENTED = Path(__file__).parents[2] / "docs" / "operating.md"
UNIT = Path("/run/systemd/system/compute-ref.service")
GROUP = ROOT / "system.slice" / UNIT.name
UNTIL_GO = "until test -e $OUTPUTS/go; do sleep 1; done; exit 9"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A data folder for services; its own backend only takes up what they began."""
    place = Place(tmp_path / "data", sandbox="require", cgroup="none")
    yield place
    settle(place)


def serve(place: Place, run: Run) -> str:
    """Start the documented service with a server that launches a run; returns what that said."""
    said = run.folders.control / "said"
    server = [sys.executable, test_lifetime.LAUNCHER, place.data_dir, run.job_id]
    (unit,) = re.findall(r"```ini\n(\[Unit\].*?)```", DOCUMENTED.read_text(), re.DOTALL)
    unit = unit.replace("[Unit]", "[Unit]\nDefaultDependencies=no")
    unit = re.sub("ExecStart=.*", f"ExecStart={' '.join(map(str, server))} 'ENTRY' require", unit)
    variables = f"Environment=PYTHONPATH={os.pathsep.join(sys.path)}\nStandardOutput=append:{said}"
    unit = unit.replace("[Service]", f"[Service]\n{variables}")
    UNIT.write_text(unit.replace("ENTRY", UNTIL_GO.replace("$", "$$")))
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    subprocess.run(["systemctl", "restart", UNIT.name], check=True)
    place.until(lambda: said.exists() and "launched" in said.read_text())
    return said.read_text()


def bounds() -> list[int]:
    """The bytes of memory that each run's group may hold."""
    files = [GROUP / name / "memory.max" for name in groups_below(GROUP) - {"server"}]
    return [int(file.read_text()) for file in files if file.exists()]


def test_each_run_of_a_service_is_held_also_after_it_was_started_again(place: Place) -> None:
    first, second = place.run(UNTIL_GO), place.run(UNTIL_GO)
    for run in (first, second):
        assert f"memory held by control groups below {GROUP}" in serve(place, run)
    place.until(lambda: bounds() == [2**27, 2**27])
    for run in (first, second):
        (run.folders.outputs / "go").touch()
        handle = place.backend.find(place.backend.name(run.job_id, run.number))
        assert place.wait(handle) == Exit(9)
    assert groups_below(GROUP) <= {"server"}
