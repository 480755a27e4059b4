"""What a server leaves that is killed while it writes is found and removed by the next."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest

from compute_ref.plugins import BackendUnavailable, Exit
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


def no_room(*_: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space"):
        write(place.data_dir.parent / "record", "{}")
    assert not list(place.data_dir.parent.glob(".record*"))


def test_a_run_whose_end_would_find_no_room_is_not_begun_until_there_is_room(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.backend.check()
    run = place.run("exit 7")
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", no_room)
        with pytest.raises(BackendUnavailable, match="No space"):
            place.backend.launch(run)
    assert not list(run.folders.control.glob("exit*"))
    assert place.finish(run) == Exit(7)


def test_a_supervisor_that_the_disk_does_not_let_be_recorded_has_ended(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.backend.check()
    run = place.run("exit 7")
    supervisors: list[int] = []

    def refused(draft: Path, target: Path) -> NoReturn:
        supervisors.append(json.loads(draft.read_text())[0])
        no_room()

    with monkeypatch.context() as full:
        full.setattr(Path, "replace", refused)
        with pytest.raises(BackendUnavailable, match="No space"):
            place.backend.launch(run)
    (pid,) = supervisors
    assert not Path(f"/proc/{pid}").exists()
    assert not list(run.folders.control.glob("exit*"))
    assert place.finish(run) == Exit(7)
