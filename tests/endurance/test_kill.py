"""Kill -9 of the server: nothing it answered for is lost, nothing runs twice."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.endurance.live import Consumer, Live, prepare

ONCE = 'echo run >> "$OUTPUTS/runs.txt"; cat "$INPUTS"/*/0 > "$OUTPUTS/copy.txt"; sleep {seconds}'
PATIENCE = 90


def final_jobs(consumer: Consumer, server: Live, count: int) -> list[dict[str, Any]]:
    """The consumer's jobs once all `count` of them are final; a network poll needs a step."""
    deadline = time.monotonic() + PATIENCE
    while True:
        jobs = consumer.jobs(server.netloc)
        if len(jobs) == count and all(job["dateFinished"] for job in jobs):
            return jobs
        assert time.monotonic() < deadline, (jobs, server.log())
        threading.Event().wait(0.1)


def assert_ran_once(consumer: Consumer, server: Live, job: dict[str, Any]) -> None:
    assert (job["status"], job["finishReason"]) == (70, "completed"), (job, server.log())
    files = {result["filename"]: result["index"] for result in job["results"]}
    runs = consumer.result(server.netloc, job["jobId"], files["runs.txt"])
    assert (runs.status, runs.body) == (200, b"run\n")
    copy = consumer.result(server.netloc, job["jobId"], files["copy.txt"])
    assert (copy.status, copy.body) == (200, b"1 2 3\n")


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    return prepare(tmp_path)


@pytest.mark.parametrize("status", [10, 20, 30, 40, 50, 60, 70])
def test_a_server_killed_in_each_status_finishes_the_job_after_its_restart(
    configuration: Path, status: int
) -> None:
    consumer = Consumer()
    first = Live(configuration, ("kill-at", str(status)))
    with contextlib.suppress(OSError):  # the answer may have been sent before the kill, or not
        consumer.start(first.netloc, ONCE.format(seconds=0.3), "0x1")
    assert first.join() == -9
    second = Live(configuration)
    try:
        (job,) = final_jobs(consumer, second, 1)
        assert_ran_once(consumer, second, job)
        reached = [entry["status"] for entry in job["statusHistory"]]
        assert reached == sorted(set(reached))
    finally:
        assert second.end() == 0


def test_ten_kills_under_load_lose_no_acknowledged_job(configuration: Path) -> None:
    consumers = [Consumer() for _ in range(4)]
    acknowledged: dict[str, Consumer] = {}
    attempts = {consumer.address: 0 for consumer in consumers}
    chance = random.Random(20)

    def load(consumer: Consumer, server: Live, stop: threading.Event) -> None:
        while not stop.is_set():
            attempts[consumer.address] += 1
            order = f"0x{consumer.address[2:]}{attempts[consumer.address]:x}"
            try:
                answer = consumer.start(server.netloc, ONCE.format(seconds=0.05), order)
            except OSError:
                return
            assert answer.status == 200, answer.body
            acknowledged[answer.json[0]["jobId"]] = consumer
            stop.wait(0.2)

    for _ in range(10):
        server = Live(configuration)
        stop = threading.Event()
        clients = [
            threading.Thread(target=load, args=(consumer, server, stop)) for consumer in consumers
        ]
        for client in clients:
            client.start()
        stop.wait(chance.uniform(0.2, 1.5))
        server.kill()
        stop.set()
        for client in clients:
            client.join()
    server = Live(configuration)
    try:
        for consumer in consumers:
            count = len(consumer.jobs(server.netloc))
            for job in final_jobs(consumer, server, count):
                assert_ran_once(consumer, server, job)
                acknowledged.pop(job["jobId"], None)
        assert acknowledged == {}
    finally:
        assert server.end() == 0
