"""A backend on a data folder that no other user may enter, and algorithms for it to run."""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from compute_ref.plugins import Exit, Folders, Handle, Limits, Run, Site
from compute_ref_local import LocalBackend

PATIENCE = 60  # seconds of real time, after which a test gives up
NAMES = ("inputs", "ddos", "transformations", "outputs", "logs", "control")


class Place:
    """A data folder, the backend on it, and the runs that were made."""

    def __init__(self, data_dir: Path, **options: Any) -> None:
        self.data_dir = data_dir
        self.options = options
        self.backend = self.another_backend()
        self.runs: list[Run] = []
        self._numbers = itertools.count()

    def another_backend(self) -> LocalBackend:
        """As the next server on the same folder has it."""
        return LocalBackend(Site(self.options, self.data_dir, self.data_dir, loopback=True))

    def run(self, entrypoint: str, *, code: str = "", network: bool = False, **limits: Any) -> Run:
        """A run ready to launch; `code` is the algorithm's text."""
        job_id = f"job{next(self._numbers)}z"
        root = self.data_dir / "jobs" / job_id / "1"
        folders = Folders(root, *(root / name for name in NAMES))
        for name in NAMES:
            (root / name).mkdir(parents=True)
        for folder in (self.data_dir / "jobs", root.parent, root):
            folder.chmod(0o711)
        for name in NAMES:
            (root / name).chmod(0o700 if name == "control" else 0o750)
        (folders.inputs / "data").write_text(f"the input of {job_id}")
        (folders.transformations / "algorithm").write_text(code)
        (folders.transformations / "algorithm").chmod(0o755)
        variables = {"secret": secrets.token_hex(16)}
        limits.setdefault("seconds", PATIENCE)
        run = Run(job_id, 1, entrypoint, None, variables, folders, Limits(**limits), network)
        self.runs.append(run)
        return run

    def python(self, code: str, **limits: Any) -> Run:
        return self.run("python3 $ALGO", code=code, **limits)

    def wait(self, handle: Handle | None, timeout: float = PATIENCE) -> Exit:
        assert handle is not None, "the run is not there"
        end = self.backend.wait(handle, timeout)
        assert end is not None, "the run did not end"
        return end

    def finish(self, run: Run) -> Exit:
        """Launch and wait to the end: nothing is alive then."""
        handle = self.backend.launch(run)
        end = self.wait(handle)
        assert self.alive(run) == []
        return end

    def log(self, run: Run) -> str:
        path = run.folders.logs / "algorithm.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def output(self, run: Run, name: str) -> str:
        return (run.folders.outputs / name).read_text()

    def until(self, true: Callable[[], bool]) -> None:
        """Return once `true()` is."""
        pause = threading.Event()
        for _ in range(100 * PATIENCE):
            if true():
                return
            pause.wait(0.01)
        raise AssertionError("it did not come to pass")

    def alive(self, run: Run) -> list[int]:
        """Every process, not yet ended, that carries the run's own secret."""
        mark = f"secret={run.variables['secret']}".encode()
        return [pid for pid in running() if mark in environment(pid)]

    def supervisor(self, run: Run) -> int:
        """The process id of the run's supervisor."""
        name = self.backend.name(run.job_id, run.number)
        found = self.backend._control(name).read_supervisor()
        assert found is not None, "the run has no supervisor"
        return found.pid


def running() -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state not in "ZX":
                yield int(entry.name)


def environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def settle(place: Place) -> None:
    for run in place.runs:
        place.backend.remove(place.backend.name(run.job_id, run.number))
        assert place.alive(run) == []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Sandboxed, on a folder whose parents are closed to the runs' users."""
    place = Place(tmp_path / "data", sandbox="require")
    yield place
    settle(place)


@pytest.fixture
def bare(open_folder: Path) -> Iterator[Place]:
    """Without a sandbox."""
    place = Place(open_folder / "data", sandbox="none")
    yield place
    settle(place)


@pytest.fixture(scope="session")
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
