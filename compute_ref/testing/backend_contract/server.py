"""Plays the server's part towards a backend: makes runs, waits for them, is restarted."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Backend, Exit, Handle, Image, Limits, Run
from compute_ref.testing.backend_contract.scripts import READY

QUIET = 0.3  # seconds in which anything that is alive would have written
LOOK = 0.01  # seconds between two looks at a folder


class Server:
    """A data folder, the backend object of the server that owns it now, and all runs so far."""

    def __init__(
        self,
        data_dir: Path,
        new_backend: Callable[[], Backend],
        image: Image | None,
        patience: float,
    ) -> None:
        self.data_dir = data_dir
        self._new_backend = new_backend
        self._image = image
        self.patience = patience
        self.workspaces = Workspaces(data_dir)
        self.runs: list[Run] = []
        self._open: list[Backend] = []
        self.backend = self.another_backend()

    # Servers

    def another_backend(self) -> Backend:
        """As a further process on the same site would have it."""
        self._open.append(self._new_backend())
        return self._open[-1]

    def crash(self) -> None:
        """The next server is there; the last one had no time to close anything."""
        self.backend = self.another_backend()

    def restart(self) -> None:
        """The next server is there; the last one was closed."""
        self._open.remove(self.backend)
        self.backend.close()
        self.crash()

    def close(self) -> None:
        """Remove every run and let go of every backend object."""
        for run in self.runs:
            self.backend.remove(self.name(run))
        for backend in self._open:
            backend.close()

    # Runs

    def run(
        self,
        entrypoint: str,
        *,
        code: str = "",
        variables: Mapping[str, str] | None = None,
        image: Image | None = None,
        network: bool = False,
        **limits: Any,
    ) -> Run:
        """A run ready to launch; `code` is the algorithm's text, `limits` are of Limits."""
        job_id = f"{secrets.token_hex(15)}z"
        bounds = Limits(**{"seconds": self.patience, **limits})
        image = image or self._image
        folders, told = self.workspaces.fresh(job_id, 1), dict(variables or {})
        run = Run(job_id, 1, entrypoint, image, told, folders, bounds, network)
        return self._provided(run, code)

    def again(self, run: Run, code: str) -> Run:
        """The next run of the same job, with another text."""
        number = run.number + 1
        folders = self.workspaces.fresh(run.job_id, number)
        return self._provided(replace(run, number=number, folders=folders), code)

    def _provided(self, run: Run, code: str) -> Run:
        (run.folders.inputs / "data").write_text(f"the input of {run.job_id}")
        (run.folders.ddos / "ddo").write_text(f"the DDO of {run.job_id}")
        algorithm = run.folders.transformations / "algorithm"
        algorithm.write_text(code)
        algorithm.chmod(0o755)
        self.runs.append(run)
        return run

    def script(self, code: str, **further: Any) -> Run:
        """A run of a shell script, which signals reach directly."""
        return self.run("exec sh $ALGO", code=code, **further)

    def name(self, run: Run) -> str:
        """The run's name."""
        return self.backend.name(run.job_id, run.number)

    def begin(self, run: Run) -> Handle:
        """Launch, and wait until the algorithm said that it is ready."""
        handle = self.backend.launch(run)
        self.until((run.folders.outputs / READY).exists, "the algorithm is ready")
        return handle

    def let_go(self, run: Run) -> None:
        """Let an algorithm go on that waits for it."""
        (run.folders.inputs / "go").touch()

    def end(self, handle: Handle | None) -> Exit:
        """How the run ended."""
        assert handle is not None, "the run was not found"
        end = self.backend.wait(handle, self.patience)
        assert end is not None, f"{handle.name} did not end in {self.patience} seconds"
        return end

    def finish(self, run: Run) -> Exit:
        """Launch and wait to the end."""
        return self.end(self.backend.launch(run))

    # What can be seen of them

    def log(self, run: Run) -> str:
        """The algorithm's log; "" where there is none."""
        path = run.folders.logs / "algorithm.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def output(self, run: Run, name: str) -> str:
        """The text of one output."""
        return (run.folders.outputs / name).read_text(encoding="utf-8")

    def listed(self) -> set[str]:
        """All names that the backend lists."""
        return set(self.backend.list())

    def still(self, folder: Path) -> bool:
        """Whether an algorithm that wrote all the time into its outputs does so no more."""
        beat = folder / "beat"
        before = beat.stat().st_size
        threading.Event().wait(QUIET)
        return beat.stat().st_size == before

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Return once `true()` is."""
        pause = threading.Event()
        for _ in range(int(self.patience / LOOK)):
            if true():
                return
            pause.wait(LOOK)
        raise AssertionError(f"in {self.patience} seconds it did not come to pass that {what}")
