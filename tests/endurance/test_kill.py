"""Kill -9 of the server: nothing it answered for is lost, nothing runs twice."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.endurance.live import (
    ENVIRONMENT,
    RESULT,
    Consumer,
    Live,
    await_status,
    call,
    final_job,
    final_jobs,
    prepare,
)

ONCE = 'echo run >> "$OUTPUTS/runs.txt"; cat "$INPUTS"/*/0 > "$OUTPUTS/copy.txt"; sleep {seconds}'
STATUSES = [10, 20, 30, 40, 50, 60, 70]
LARGE = 32 * 2**20  # bytes, more than sockets hold


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


@pytest.mark.parametrize("status", STATUSES)
def test_a_server_killed_in_each_status_finishes_the_job_after_its_restart(
    configuration: Path, status: int
) -> None:
    consumer = Consumer()
    first = Live(configuration, ("kill-at", str(status)))
    with contextlib.suppress(OSError):  # the answer may have been sent before the kill, or not
        consumer.start(first.netloc, ONCE.format(seconds=0.3), "0x1")
    assert first.join() == -9
    with Live(configuration) as second:
        (job,) = final_jobs(consumer, second, 1)
        assert_ran_once(consumer, second, job)
        reached = [entry["status"] for entry in job["statusHistory"]]
        assert reached == sorted(set(reached))


def test_a_server_killed_while_a_job_waits_for_a_place_still_has_it_after_its_restart(
    tmp_path: Path,
) -> None:
    configuration = prepare(tmp_path, ENVIRONMENT.replace("maxJobs = 3", "maxJobs = 1"))
    busy, consumer = Consumer(), Consumer()
    first = Live(configuration)
    running = busy.started(first.netloc, "sleep 600")
    await_status(busy, first, running, 40)
    waiting = consumer.started(first.netloc, ONCE.format(seconds=0))
    first.kill()
    with Live(configuration) as second:
        await_status(busy, second, running, 40)
        (job,) = consumer.jobs(second.netloc)
        assert (job["jobId"], job["status"]) == (waiting, 1)
        assert busy.change(second.netloc, "PUT", running).status == 200
        (job,) = final_jobs(consumer, second, 1)
        assert_ran_once(consumer, second, job)
        assert [entry["status"] for entry in job["statusHistory"]] == [1, *STATUSES]


@contextlib.contextmanager
def begun(netloc: str, query: dict[str, Any]) -> Iterator[http.client.HTTPResponse]:
    """An answer with a result, of which nothing has been read yet."""
    with contextlib.closing(http.client.HTTPConnection(netloc, timeout=60)) as connection:
        connection.request("GET", f"{RESULT}?{urlencode(query)}")
        with connection.getresponse() as answer:
            yield answer


def rest_of(answer: http.client.HTTPResponse) -> bytes:
    """What is still under way of an answer whose sender is gone."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while chunk := answer.read1(2**16):
            received += chunk
    return received


def test_a_download_that_a_kill_cut_off_is_resumed_after_the_restart(configuration: Path) -> None:
    consumer = Consumer()
    first = Live(configuration)
    job_id = consumer.started(first.netloc, f"head -c {LARGE} /dev/urandom > $OUTPUTS/random")
    result = final_job(consumer, first, job_id)["results"][0]
    used = consumer.result_query(job_id, 0)
    with begun(first.netloc, used) as answer:
        etag = answer.headers["ETag"]
        received = answer.read(2**16)
        first.kill()
        received += rest_of(answer)
    assert etag == f'"{result["sha256"]}"'
    assert len(received) < LARGE
    with Live(configuration) as second:
        wanted = {"Range": f"bytes={len(received)}-", "If-Range": etag}
        assert call(second.netloc, "GET", RESULT, used, headers=wanted).status == 400
        rest = consumer.result(second.netloc, job_id, 0, **wanted)
        assert (rest.status, len(received) + len(rest.body)) == (206, LARGE)
        assert hashlib.sha256(received + rest.body).hexdigest() == result["sha256"]
        whole = consumer.result(second.netloc, job_id, 0)
        assert hashlib.sha256(whole.body).hexdigest() == result["sha256"]
