"""The whole server in one object, for other people's tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from webtest import TestApp

from compute_ref.app import ComputeRef, create_app
from compute_ref.clock import Clock
from compute_ref.identity.keys import Account
from compute_ref.jobs.store import Store
from compute_ref.plugins import BackendFactory, hookimpl
from compute_ref.serving import Application, Listener
from compute_ref.settings import Catalogue, Environment, Server, Settings
from compute_ref.testing.clock import MovedClock
from compute_ref.testing.consumers import Consumer
from compute_ref.testing.instant import InstantBackend

DATASET: Final = "did:op:" + "d" * 64
COMPUTE_SERVICE: Final = {"allowRawAlgorithm": True, "allowNetworkAccess": False}


class InstantPlugin:
    """Offers one instant backend under the name ``instant``."""

    def __init__(self, backend: InstantBackend) -> None:
        self._backend = backend

    @hookimpl
    def backends(self) -> Mapping[str, BackendFactory]:
        """The backend, whatever the site."""
        return {"instant": lambda _site: self._backend}

    @hookimpl
    def job_changed(self, job: Any) -> None:
        """Wake tests that wait for a job."""
        CHANGES.tell()


class Changes:
    """Wakes whoever waits for a job to change."""

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def tell(self) -> None:
        """Something changed."""
        with self._condition:
            self._condition.notify_all()

    def wait_for(self, ready: Callable[[], Any], seconds: float) -> Any:
        """What `ready` gives once it is true; AssertionError after so many seconds."""
        with self._condition:
            found = self._condition.wait_for(ready, seconds)
        assert found, "the job did not get there in time"  # noqa: S101 - this is for tests
        return found


CHANGES: Final = Changes()


@dataclass
class ComputeApp:
    """A server inside of the test: `web` is WebTest's TestApp, `clock` can be moved."""

    app: ComputeRef
    web: TestApp
    clock: MovedClock
    instant: InstantBackend
    catalogue: Path
    dataset: str = DATASET

    def consumer(self, account: Account | None = None) -> Consumer:
        """A new consumer, or the one of an account."""
        return Consumer(self.web, self.dataset, account or Account.create())

    def finished(self, job_id: str, seconds: float = 20) -> dict[str, Any]:
        """The job's status object once it is final; waits for the engine's word, not for time."""
        return self.reached(job_id, lambda job: job["dateFinished"] is not None, seconds)

    def reached(
        self, job_id: str, there: Callable[[dict[str, Any]], bool], seconds: float = 20
    ) -> dict[str, Any]:
        """The job's status object once `there` is true of it."""

        def look() -> dict[str, Any] | None:
            (job,) = self.web.get("/api/services/compute", {"jobId": job_id}).json
            return job if there(job) else None

        found: dict[str, Any] = CHANGES.wait_for(look, seconds)
        return found


def sample_ddo(did: str = DATASET, **compute: Any) -> dict[str, Any]:
    """A dataset of one file ``data.txt`` that allows raw code."""
    return {
        "@context": ["https://w3id.org/did/v1"],
        "id": did,
        "version": "4.1.0",
        "chainId": 8996,
        "metadata": {"type": "dataset", "name": "Sample", "license": "CC0-1.0"},
        "services": [
            {
                "id": "compute",
                "type": "compute",
                "files": [{"type": "file", "path": "data.txt"}],
                "timeout": 0,
                "compute": {**COMPUTE_SERVICE, **compute},
            }
        ],
    }


def instant_settings(folder: Path) -> Settings:
    """Settings with a catalogue of one dataset below `folder` and one instant environment."""
    catalogue = folder / "assets"
    catalogue.mkdir()
    (catalogue / "data.txt").write_text("1 2 3\n")
    (catalogue / "sample.json").write_text(json.dumps(sample_ddo()))
    environment = Environment("instant", "instant", maxJobs=4)
    server = Server(data_dir=folder / "data", port=0, sync=False)
    return Settings((environment,), server=server, catalogue=Catalogue(catalogue))


@contextmanager
def compute_app(
    change: Callable[[Settings], Settings] = lambda settings: settings,
    plugins: tuple[object, ...] = (),
) -> Iterator[ComputeApp]:
    """A server in this process: store in memory, instant backend, a clock that tests move."""
    with TemporaryDirectory() as folder:
        settings = change(instant_settings(Path(folder)))
        clock, instant = MovedClock(), InstantBackend()
        made = create_app(
            settings,
            clock=clock,
            store=Store.in_memory(clock),
            plugins=(InstantPlugin(instant), *plugins),
        )
        with made as app:
            yield ComputeApp(app, TestApp(app), clock, instant, settings.catalogue.path)


@contextmanager
def compute_server(
    change: Callable[[Settings], Settings] = lambda settings: settings,
) -> Iterator[str]:
    """A live server on a free port of 127.0.0.1 with the instant backend; gives its URL."""
    with TemporaryDirectory() as folder:
        settings = change(instant_settings(Path(folder)))
        settings = replace(settings, server=replace(settings.server, host="127.0.0.1"))
        plugin = InstantPlugin(InstantBackend())
        with (
            create_app(settings, clock=Clock(), plugins=(plugin,)) as app,
            listening(app, settings) as url,
        ):
            yield url


@contextmanager
def listening(app: Application, settings: Settings) -> Iterator[str]:
    """The URL of an application that is served meanwhile, where its settings say."""
    listener = Listener(app, settings)
    thread = threading.Thread(target=listener.run, name="compute server")
    thread.start()
    try:
        yield listener.url
    finally:
        listener.stop()
        thread.join()
