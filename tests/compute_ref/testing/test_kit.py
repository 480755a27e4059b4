"""What other projects' tests get."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.request import urlopen

import pytest

import compute_ref.testing as kit


def test_the_example_of_the_package_holds() -> None:
    with kit.compute_app() as server:
        consumer = server.consumer()
        (job,) = consumer.start("instant: write answer.txt 42").json
        server.finished(job["jobId"])
        assert consumer.result(job["jobId"]).text.strip() == "42"


def test_a_consumer_signs_all_of_its_calls(compute_app: kit.ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: stay").json[0]["jobId"]
    compute_app.reached(job_id, lambda job: job["status"] == 40)
    assert "finishMessage" in consumer.status(job_id).json[0]
    assert consumer.stop(job_id).json[0]["status"] == 7
    compute_app.finished(job_id)
    assert consumer.result(job_id).status_int == 200
    assert consumer.delete(job_id).json[0]["status"] == 8


def test_the_clock_is_the_tests_own(compute_app: kit.ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: stay").json[0]["jobId"]
    compute_app.reached(job_id, lambda job: job["status"] == 40)
    compute_app.clock.advance(3_600 + 30)
    assert compute_app.finished(job_id)["finishReason"] == "timeout"


def test_the_backend_fails_as_it_is_told(compute_app: kit.ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: exit 3").json[0]["jobId"]
    compute_app.finished(job_id)
    (job,) = consumer.status(job_id).json
    assert (job["finishReason"], job["algorithmExitCode"]) == ("failed", 3)


def test_a_live_server_is_reached_by_any_client(compute_server: str) -> None:
    with urlopen(compute_server + "/") as answer:
        assert json.load(answer)["chainIds"] == [8996]


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    program = (
        "import sys, compute_ref.testing.pytest_plugin;"
        "print([m for m in ('falcon', 'tinydb', 'webtest', 'compute_ref.app') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_every_name_that_is_promised_is_there() -> None:
    assert all(getattr(kit, name) for name in kit.__all__)
    with pytest.raises(AttributeError):
        _ = kit.nothing
