"""Ctrl-C: what is known is written, and nothing stays at the target; a second one ends that too."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import webob

from compute_conformance.consumers import COMPUTE
from compute_conformance.profile import load
from compute_conformance.requirements import register
from compute_ref.judged.profile import create_judged
from compute_ref.settings import Environment, Server, Settings
from tests.conformance.serving import Serving, served

PATIENCE = 120  # seconds


class Stuck:
    """A server around another: of its jobs the first one ends, and none can be deleted."""

    def __init__(self, app: Any) -> None:
        self._app, self.jobs, self.deletes = app, list[str](), 0
        self.asked_to_delete, self.over = threading.Event(), threading.Event()

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        request = webob.Request(environ)
        if request.method == "DELETE":
            self.deletes += 1
            self.asked_to_delete.set()
            self.over.wait(PATIENCE)
        response = request.get_response(self._app)
        if request.path == COMPUTE and response.status_int == 200:
            response.json = [self._shown(job) for job in response.json]
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _shown(self, job: dict[str, Any]) -> dict[str, Any]:
        if job["jobId"] not in self.jobs:
            self.jobs.append(job["jobId"])
        return job if job["jobId"] == self.jobs[0] else {**job, "status": 1, "dateFinished": None}


def jobs(live: Serving) -> list[dict[str, object]]:
    """Those on the dataset of all ordinary jobs."""
    did = load(live.profile).dataset("open")["documentId"]
    with urllib.request.urlopen(f"{live.url}/api/services/compute?documentId={did}") as answer:
        found: list[dict[str, object]] = json.load(answer)
    return found


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Whoever ran the tests in the background let them, and their children, ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_it_leaves_nothing_and_says_what_it_knows(live: Serving, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = ["run", "--profile", str(live.profile), "--report", str(report), "--jobs", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "compute_conformance", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + PATIENCE
        while not jobs(live):
            assert time.monotonic() < end, "no job was started"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
    found = json.loads(report.read_text())
    assert process.returncode == 2
    assert "interrupted" in said
    assert found["cut"] == "The run was interrupted."
    assert len(found["requirements"]) < len(register())
    assert found["leftovers"] == []
    assert jobs(live) == []


@pytest.mark.usefixtures("_interruptible")
def test_a_second_one_ends_the_clean_up_and_says_what_may_be_left(tmp_path: Path) -> None:
    profile, report = tmp_path / "profile.toml", tmp_path / "report.json"
    server = Server(data_dir=tmp_path / "data", sync=False)
    app, granted = create_judged(Settings((Environment("local", "local"),), server=server))
    profile.write_text(granted.replace("request = 30", "request = 5"))
    only = ["--only", "CE-JOB-ID", "--only", "CE-LIFE-ENDS"]  # the one shares its job
    options = ["--profile", str(profile), "--report", str(report), *only]
    stuck = Stuck(app)
    with (
        app,
        served(stuck) as url,
        subprocess.Popen(
            [sys.executable, "-m", "compute_conformance", "run", url, "--jobs", "1", *options],
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        end = time.monotonic() + PATIENCE
        while len(stuck.jobs) < 2:
            assert time.monotonic() < end, "no second job was started"
        process.send_signal(signal.SIGINT)
        assert stuck.asked_to_delete.wait(PATIENCE), "nothing was cleaned up"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
        stuck.over.set()
    found = json.loads(report.read_text())
    assert process.returncode == 2
    assert found["cut"].endswith("The clean-up was interrupted: jobs may be left.")
    assert [one["id"] for one in found["requirements"]] == ["CE-JOB-ID"]
    told = {left.split()[0]: left for left in found["leftovers"]}
    assert told.keys() == set(stuck.jobs)
    assert told[stuck.jobs[0]].endswith("(perhaps: the clean-up was interrupted)")
    assert stuck.deletes == 1
    assert all(f"left over: the job {job}" in said for job in stuck.jobs)
