"""Over a real connection: what only a real server shows."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from compute_ref.identity.keys import Account
from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import DATASET

COMPUTE = "/api/services/compute"
RESULT = "/api/services/computeResult"


@pytest.fixture
def connection(compute_server: str) -> Iterator[HTTPConnection]:
    place = urlsplit(compute_server)
    assert place.hostname is not None
    made = HTTPConnection(place.hostname, place.port, timeout=30)
    yield made
    made.close()


def call(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[HTTPResponse, bytes]:
    told = {"Content-Type": "application/json"} if body is not None else {}
    connection.request(method, path, body, {**told, **(headers or {})})
    answer = connection.getresponse()
    return answer, answer.read()


@pytest.fixture
def consumer() -> Consumer:
    return Consumer(None, DATASET, Account.create())


@pytest.fixture
def finished(connection: HTTPConnection, consumer: Consumer) -> str:
    order = consumer.order("instant: write long.txt " + "0123456789 " * 9_000)
    _, body = call(connection, "POST", COMPUTE, json.dumps(order))
    job_id: str = json.loads(body)[0]["jobId"]
    while not job_of(connection, job_id)["dateFinished"]:
        pass
    return job_id


def job_of(connection: HTTPConnection, job_id: str) -> dict[str, Any]:
    _, body = call(connection, "GET", f"{COMPUTE}?jobId={job_id}")
    job: dict[str, Any] = json.loads(body)[0]
    return job


def download(
    connection: HTTPConnection, consumer: Consumer, job_id: str, method: str = "GET", **headers: str
) -> tuple[HTTPResponse, bytes]:
    query = {**consumer.signed(job_id, "0"), "jobId": job_id, "index": "0"}
    return call(connection, method, f"{RESULT}?{urlencode(query)}", headers=headers)


def test_whole_parts_and_none_leave_one_connection_in_step(
    connection: HTTPConnection, consumer: Consumer, finished: str
) -> None:
    whole, body = download(connection, consumer, finished)
    assert (whole.status, len(body)) == (200, int(whole.headers["Content-Length"]))
    part, middle = download(connection, consumer, finished, Range="bytes=70000-90000")
    assert (part.status, middle) == (206, body[70_000:90_001])
    head, nothing = download(connection, consumer, finished, "HEAD")
    assert (head.headers["Content-Length"], nothing) == (str(len(body)), b"")
    same = {"If-None-Match": whole.headers["ETag"]}
    known, nothing = download(connection, consumer, finished, **same)
    assert (known.status, nothing) == (304, b"")
    beyond, _ = download(connection, consumer, finished, Range="bytes=999999-")
    assert beyond.status == 416
    again, end = download(connection, consumer, finished, Range="bytes=-5")
    assert (again.status, end) == (206, body[-5:])


def test_oversize_and_broken_bodies_are_answered_in_shape(connection: HTTPConnection) -> None:
    answer, body = call(connection, "POST", COMPUTE, b'{"a":"' + b"x" * 2**21 + b'"}')
    assert (answer.status, set(json.loads(body))) == (413, {"error"})
    connection.close()
    answer, body = call(connection, "POST", COMPUTE, b"[" * 100_000)
    assert (answer.status, set(json.loads(body)["errors"])) == (400, {"body"})


def test_a_body_in_chunks_is_read(connection: HTTPConnection) -> None:
    connection.request(
        "POST",
        COMPUTE,
        iter([b"{", b"}"]),
        {"Content-Type": "application/json"},
        encode_chunked=True,
    )
    answer = connection.getresponse()
    assert "consumerAddress" in json.loads(answer.read())["errors"]


def test_forwarded_headers_of_a_stranger_are_ignored(
    connection: HTTPConnection, consumer: Consumer, finished: str
) -> None:
    query = urlencode({**consumer.signed(finished), "jobId": finished})
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    _, body = call(connection, "GET", f"{COMPUTE}?{query}", headers=forged)
    (job,) = json.loads(body)
    assert all(url.startswith("http://127.0.0.1:") for url in job["resultsUrls"])


def test_a_body_of_two_lengths_is_refused_with_all_that_follows(compute_server: str) -> None:
    place = urlsplit(compute_server)
    assert place.hostname is not None
    inner = b"0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
    head = f"POST {COMPUTE} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(inner)}\r\n"
    with socket.create_connection((place.hostname, place.port), 30) as wire:
        wire.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + inner)
        wire.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: wire.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 400 ")
    assert received.count(b"HTTP/1.1 ") == 1
