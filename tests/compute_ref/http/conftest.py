"""One server in this process, its first consumer, and a stranger."""

import pytest


@pytest.fixture
def server(compute_app):
    return compute_app


@pytest.fixture
def web(server):
    return server.web


@pytest.fixture
def consumer(server):
    return server.consumer()


@pytest.fixture
def stranger(server):
    return server.consumer()


@pytest.fixture
def running(server, consumer):
    """The id of a job that runs until it is stopped."""
    (job,) = consumer.start("instant: stay").json
    server.reached(job["jobId"], lambda job: job["status"] == 40)
    return job["jobId"]


@pytest.fixture
def finished(server, consumer):
    """The id of a job that has ended with ``answer.txt`` of "forty-two" and a line end."""
    (job,) = consumer.start("instant: write answer.txt forty-two").json
    server.finished(job["jobId"])
    return job["jobId"]
