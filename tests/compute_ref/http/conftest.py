"""One server in this process, its first consumer, and a stranger."""

from __future__ import annotations

import pytest
from webtest import TestApp

from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp


@pytest.fixture
def server(compute_app: ComputeApp) -> ComputeApp:
    return compute_app


@pytest.fixture
def web(server: ComputeApp) -> TestApp:
    return server.web


@pytest.fixture
def consumer(server: ComputeApp) -> Consumer:
    return server.consumer()


@pytest.fixture
def stranger(server: ComputeApp) -> Consumer:
    return server.consumer()


@pytest.fixture
def running(server: ComputeApp, consumer: Consumer) -> str:
    """The id of a job that runs until it is stopped."""
    (job,) = consumer.start("instant: stay").json
    server.reached(job["jobId"], lambda job: job["status"] == 40)
    return str(job["jobId"])


@pytest.fixture
def finished(server: ComputeApp, consumer: Consumer) -> str:
    """The id of a job that has ended with ``answer.txt`` of "forty-two" and a line end."""
    (job,) = consumer.start("instant: write answer.txt forty-two").json
    server.finished(job["jobId"])
    return str(job["jobId"])
