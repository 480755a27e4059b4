"""A stop is answered within the grace and a second, whatever the job is at and ignores."""

from __future__ import annotations

import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.endurance.live import (
    Consumer,
    Live,
    await_status,
    awaited,
    final_job,
    final_jobs,
    prepare,
    processes_of,
    publish,
)

GRACE = 2
PROMISED = GRACE + 1
CONFIGURATION = f"""
[[environments]]
id = "local"
backend = "local"
maxJobs = 3
maxJobDuration = 120
[deadlines]
stop_grace = {GRACE}
[fetching]
allow_private_urls = true
"""
SLOW = "did:op:" + "3" * 64

READY = 'echo ready > "$OUTPUTS/ready"'
DEAF = {
    "alone": f"trap '' TERM; {READY}; while :; do sleep 1; done",
    "with children": f"trap '' TERM; for n in 1 2 3; do sleep 600 & done; {READY}; wait",
    "in its children": f"(trap '' TERM; {READY}; sleep 600) & setsid sleep 600 & sleep 600",
}


class SlowFile(http.server.BaseHTTPRequestHandler):
    """The beginning of a file, whose rest does not come before `over` is set."""

    over = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"the beginning")
        self.over.wait()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def slow_url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SlowFile) as source:
        thread = threading.Thread(target=source.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{source.server_port}/slow"
        SlowFile.over.set()
        source.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def pipes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a pipe that is called 50 or 60 holds jobs at that status."""
    return tmp_path_factory.mktemp("pipes")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, slow_url: str, pipes: Path) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("server")
    configuration = prepare(folder, CONFIGURATION)
    publish(folder / "assets", {"type": "url", "url": slow_url}, SLOW)
    with Live(configuration, ("hold", str(pipes))) as made:
        yield made


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


def stop(consumer: Consumer, server: Live, job_id: str = "") -> float:
    """Stop a job, or all; gives the seconds until the answer, all of whose jobs are stopped."""
    began = time.monotonic()
    answer = consumer.change(server.netloc, "PUT", job_id)
    took = time.monotonic() - began
    assert answer.status == 200, answer.body
    assert {job["status"] for job in answer.json} == {7}
    return took


def ready(consumer: Consumer, server: Live, code: str) -> str:
    """The id of a job whose algorithm has said that it is ready."""
    job_id = consumer.started(server.netloc, code)
    said = server.jobs / job_id / "1" / "outputs" / "ready"
    awaited(lambda: said.exists() or None, server)
    await_status(consumer, server, job_id, 40)
    return job_id


def passed(job: dict[str, Any]) -> list[int]:
    return [entry["status"] for entry in job["statusHistory"]]


def test_jobs_that_ignore_term_are_stopped_together(consumer: Consumer, server: Live) -> None:
    started = [ready(consumer, server, code) for code in DEAF.values()]
    took = stop(consumer, server)
    assert [process for job_id in started for process in processes_of(job_id)] == []
    assert GRACE <= took < PROMISED
    for job in final_jobs(consumer, server, len(DEAF)):
        assert (job["finishReason"], job["stopreq"]) == ("stopped", 1)
    assert consumer.job(server.netloc, started[0])["algorithmExitCode"] == 137


def test_a_job_that_waits_for_a_place_stops_at_once(consumer: Consumer, server: Live) -> None:
    busy = Consumer()
    running = [ready(busy, server, f"{READY}; sleep 600") for _ in range(3)]
    waiting = consumer.started(server.netloc, READY)
    assert stop(consumer, server, waiting) < GRACE
    job = final_job(consumer, server, waiting)
    assert (job["status"], job["finishReason"], passed(job)) == (70, "stopped", [1, 60, 70])
    assert {job["status"] for job in busy.jobs(server.netloc)} == {40}
    stop(busy, server)
    assert len(final_jobs(busy, server, len(running))) == 3


def test_a_job_whose_input_does_not_come_stops_at_once(consumer: Consumer, server: Live) -> None:
    job_id = consumer.started(server.netloc, READY, dataset=SLOW)
    await_status(consumer, server, job_id, 20)
    assert stop(consumer, server, job_id) < GRACE
    job = final_job(consumer, server, job_id)
    assert (job["finishReason"], passed(job)) == ("stopped", [1, 10, 20, 60, 70])


@pytest.mark.parametrize("status", [50, 60])
def test_a_job_whose_results_are_seen_to_is_answered_for_at_once_and_goes_on(
    consumer: Consumer, server: Live, pipes: Path, status: int
) -> None:
    pipe = pipes / str(status)
    os.mkfifo(pipe)
    job_id = consumer.started(server.netloc, READY)
    await_status(consumer, server, job_id, status)
    assert stop(consumer, server, job_id) < GRACE
    assert consumer.job(server.netloc, job_id)["status"] == status
    pipe.write_text("go on")
    pipe.unlink()
    job = final_job(consumer, server, job_id)
    assert (job["finishReason"], job["stopreq"]) == ("completed", 1)
    assert job["results"][0]["filename"] == "ready"
