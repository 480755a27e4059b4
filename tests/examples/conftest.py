"""A server whose one environment runs jobs by the example backend, and a consumer of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from webtest import TestApp

import compute_ref_nohup
from compute_ref.app import ComputeRef, create_app
from compute_ref.plugins import hookimpl, run_name
from compute_ref.settings import Deadlines, Environment
from compute_ref.testing import Consumer
from compute_ref.testing.kit import DATASET, Changes, instant_settings

PATIENCE = 60  # seconds of real time, after which a test gives up


class Listening:
    """A plug-in that wakes whoever waits for a job to change."""

    def __init__(self) -> None:
        self.changes = Changes()

    @hookimpl
    def job_changed(self, job: Any) -> None:
        self.changes.tell()


class Machine:
    """One data folder; each `boot` is the next server on it, with a backend made anew."""

    def __init__(self, folder: Path) -> None:
        settings = instant_settings(folder)
        environment = Environment("plain", "nohup", maxJobs=4)
        self.settings = replace(
            settings, environments=(environment,), deadlines=Deadlines(stop_grace=1)
        )
        self.listening = Listening()
        self.app: ComputeRef | None = None
        self.consumer = Consumer(self.boot(), DATASET)

    def boot(self) -> TestApp:
        """Close the server that there was; the next one takes its jobs up."""
        self.close()
        self.app = create_app(self.settings, plugins=(compute_ref_nohup, self.listening))
        return TestApp(self.app)

    def restart(self) -> None:
        """The same consumer at the next server."""
        self.consumer.web = self.boot()

    def close(self) -> None:
        if self.app is not None:
            self.app.close()

    def start(self, code: str) -> str:
        """Start a shell script; returns the job's id."""
        answer = self.consumer.start(code)
        assert answer.status_int == 200, answer.text
        return str(answer.json[0]["jobId"])

    def reached(self, job_id: str, there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job as its owner sees it, once `there` is true of it."""

        def look() -> dict[str, Any] | None:
            (job,) = self.consumer.status(job_id).json
            return job if there(job) else None

        found: dict[str, Any] = self.listening.changes.wait_for(look, PATIENCE)
        return found

    def running(self, job_id: str) -> Path:
        """The folders of a job's first run, once the algorithm wrote the output ``ready``."""
        self.reached(job_id, lambda job: job["status"] == 40)
        root = self.settings.server.data_dir / "jobs" / job_id / "1"
        until((root / "outputs" / "ready").exists)
        return root

    def record(self, job_id: str) -> Path:
        """What the backend keeps of the job's first run."""
        return self.settings.server.data_dir / "nohup" / run_name(job_id, 1)

    def finished(self, job_id: str) -> dict[str, Any]:
        """The job as its owner sees it, once it is final."""
        return self.reached(job_id, lambda job: job["dateFinished"] is not None)


def until(true: Callable[[], bool]) -> None:
    """Return once `true()` is."""
    pause = threading.Event()
    for _ in range(100 * PATIENCE):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("it did not come to pass")


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose jobs are all deleted in the end."""
    machine = Machine(tmp_path)
    yield machine
    for job in machine.consumer.jobs():
        machine.consumer.delete(job["jobId"])
    machine.close()
