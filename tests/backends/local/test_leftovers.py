"""What a server leaves that is killed while it writes is found and removed by the next."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.backends.local.conftest import Place
from tests.backends.local.launching import LAUNCHER

#: the process ends, with no chance to tidy up, as it puts its first file below a folder in place
KILLED_BELOW = """
import os, runpy, signal, sys

def replace(draft, target, put=os.replace, below=sys.argv[1]):
    if below in str(draft):
        os.kill(os.getpid(), signal.SIGKILL)
    put(draft, target)

os.replace = replace
sys.argv[:2] = []
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def killed(place: Place, below: str) -> None:
    run = place.run("true")
    told = [below, LAUNCHER, str(place.data_dir), run.job_id, "true", "require"]
    server = subprocess.run(
        [sys.executable, "-c", KILLED_BELOW, *told],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
    )
    assert server.returncode == -9


def left(place: Place) -> list[str]:
    return [path.name for path in place.data_dir.glob("local/*/*")]


def test_a_record_that_was_being_written_goes_with_its_run(place: Place) -> None:
    killed(place, "/local/runs/")
    assert left(place) != []
    (name,) = place.backend.list()
    place.backend.remove(name)
    assert left(place) == []
    assert place.backend.list() == []


def test_a_probe_that_was_under_way_is_removed_by_the_next(place: Place) -> None:
    killed(place, "/local/probe-")
    assert left(place) != []
    place.backend.check()
    assert left(place) == []


def test_a_record_that_the_disk_does_not_take_leaves_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from compute_ref.plugins.control import write

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(place.data_dir.parent / "record", "{}")
    assert not list(place.data_dir.parent.glob(".record*"))
