"""A server as its backend sees it: run folders, durable names, one call after the other."""

from __future__ import annotations

import concurrent.futures
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeVar

from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Backend, BackendFactory, Exit, Handle, Image, Limits, Run, Site

T = TypeVar("T")

#: the part of an algorithm that runs until :meth:`Bench.release`
STAY: Final = ': > "$OUTPUTS/ready"\nuntil [ -e "$INPUTS/go" ]; do sleep 0.1; done\n'
#: the part of an algorithm that never ends, and shows that it is alive ten times a second
BEAT: Final = 'while :; do echo >> "$OUTPUTS/beats"; sleep 0.1; done\n'
STILL: Final = 0.4  # seconds without a beat
FORGOTTEN: Final = 300.0  # seconds after which a run of an interrupted test ends


class Bench:
    """A data folder, the backend on it, and the runs that were made; a test is the engine.

    Each call of the backend comes from a thread of its own, as the engine's do, and must come
    back within `patience` seconds.
    """

    def __init__(
        self, make_backend: BackendFactory, site: Site, image: Image | None, patience: float
    ) -> None:
        self.site = site
        self.runs: list[Run] = []
        self._make_backend = make_backend
        self._image = image
        self._patience = patience
        self._workspaces = Workspaces(site.data_dir, sync=False)
        self._backends: list[Backend] = []
        self.restart()

    # A server and its runs

    @property
    def backend(self) -> Backend:
        """The present server's."""
        return self._backends[-1]

    def restart(self, *, closing: bool = False) -> None:
        """A new server on the same folder; the one before was killed, or has closed its backend."""
        if closing:
            self._call(self.backend.close)
        self._backends.append(self._make_backend(self.site))

    def run(
        self,
        script: str = "",
        *,
        entrypoint: str = "sh $ALGO",
        image: Image | None = None,
        network: bool = False,
        variables: Mapping[str, str] | None = None,
        again: Run | None = None,
        **limits: Any,
    ) -> Run:
        """A run ready to launch, its algorithm `script`; the next one of the job of `again`."""
        job_id, number = (again.job_id, again.number + 1) if again else (_job_id(), 1)
        folders = self._workspaces.fresh(job_id, number)
        (folders.inputs / "data").write_text(f"the input of {job_id}\n")
        (folders.ddos / "ddo").write_text("{}")
        algorithm = folders.transformations / "algorithm"
        algorithm.write_text(f"#!/bin/sh\n{script}")
        algorithm.chmod(0o755)
        given = {"DIDS": '["1a"]', "secret": secrets.token_hex(16), **(variables or {})}
        limits.setdefault("seconds", FORGOTTEN)
        chosen = image or self._image
        bounds = Limits(**limits)
        run = Run(job_id, number, entrypoint, chosen, given, folders, bounds, network)
        self.runs.append(run)
        return run

    def name(self, run: Run) -> str:
        """The run's name, which the engine makes durable before it launches."""
        return self.backend.name(run.job_id, run.number)

    def release(self, run: Run) -> None:
        """Let an algorithm that stays go on to its end."""
        (run.folders.inputs / "go").touch()

    def settle(self) -> None:
        """Remove every run, see that none is left, and close the backends."""
        for run in self.runs:
            self.remove(run)
        left = {self.name(run) for run in self.runs} & set(self.list())
        for backend in self._backends:
            self._call(backend.close)
        assert left == set(), f"still listed after they were removed: {left}"

    # The backend's verbs

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """How limits hold."""
        return self._call(partial(self.backend.enforced, limits))

    def launch(self, run: Run) -> Handle:
        """Launch, which must give a handle of the run's name."""
        handle = self._call(partial(self.backend.launch, run))
        assert isinstance(handle, Handle), f"launch gave no handle but {handle!r}"
        assert handle.name == self.name(run)
        return handle

    def find(self, run: Run) -> Handle | None:
        """Look for the run by its name."""
        return self._call(partial(self.backend.find, self.name(run)))

    def found(self, run: Run) -> Handle:
        """The run, which must be found."""
        handle = self.find(run)
        assert isinstance(handle, Handle), f"find gave {handle!r} for a run that was launched"
        assert handle.name == self.name(run)
        return handle

    def list(self) -> Collection[str]:
        """Names of all that exists."""
        return self._call(lambda: list(self.backend.list()))

    def wait(self, handle: Handle, timeout: float | None = None) -> Exit | None:
        """Wait at most `timeout` seconds, or for ever."""
        return self._call(partial(self.backend.wait, handle, timeout))

    def end(self, handle: Handle) -> Exit:
        """Wait for the end of a run, which must come."""
        end = self.wait(handle)
        assert isinstance(end, Exit), f"wait came back without an end but with {end!r}"
        return end

    def stop(self, run: Run, grace: float) -> None:
        """Stop, which may take `grace` seconds longer than other calls."""
        self._call(partial(self.backend.stop, self.name(run), grace), grace)

    def remove(self, run: Run) -> None:
        """Remove."""
        self._call(partial(self.backend.remove, self.name(run)))

    # What tests say in one line

    def begin(self, script: str, **limits: Any) -> tuple[Run, Handle]:
        """Launch an algorithm and return when it has made its file ``ready``."""
        run = self.run(script, **limits)
        handle = self.launch(run)
        self.until((run.folders.outputs / "ready").exists)
        return run, handle

    def finish(self, run: Run) -> Exit:
        """Launch and wait for the end."""
        return self.end(self.launch(run))

    def log(self, run: Run) -> str:
        """What algorithm.log holds."""
        path = run.folders.logs / "algorithm.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def output(self, run: Run, name: str) -> str:
        """The text of one output."""
        return (run.folders.outputs / name).read_text()

    def until(self, true: Callable[[], bool]) -> None:
        """Return once `true()` is."""
        pause, last = threading.Event(), time.monotonic() + self._patience
        while not true():
            assert time.monotonic() < last, "it did not come to pass"
            pause.wait(0.02)

    def beats(self, run: Run) -> int:
        """How often an algorithm with BEAT has shown that it is alive."""
        path = run.folders.outputs / "beats"
        return path.stat().st_size if path.exists() else 0

    def assert_dead(self, run: Run) -> None:
        """Nothing of an algorithm with BEAT is alive."""
        before = self.beats(run)
        threading.Event().wait(STILL)
        assert self.beats(run) == before, "something of the run is still alive"

    def _call(self, call: Callable[[], T], longer: float = 0) -> T:
        future, patience = begun(call), self._patience + longer
        assert concurrent.futures.wait([future], patience).done, (
            f"a call of the backend did not come back within {patience:g} s"
        )
        return future.result()


def begun(call: Callable[[], T]) -> Future[T]:
    """Make a call on a thread of its own, which does not keep the process from ending."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as failed:  # raised where the result is asked for
            future.set_exception(failed)

    threading.Thread(target=work, daemon=True).start()
    return future


def _job_id() -> str:
    """Like the server's, of another job than those of tests that ran before."""
    return secrets.token_hex(15) + "z"
