"""Hundreds of connections that say nothing, or one byte at a time, keep nobody else waiting."""

from __future__ import annotations

import contextlib
import re
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.endurance.conftest import Tell
from tests.endurance.forms import form
from tests.endurance.live import COMPUTE, Consumer, Live, call, final_job, prepare

IDLE, TRICKLING = 500, 200
CLIENTS, SECONDS = 4, form(4, 60)
TIME_OUT = 60  # seconds, in which each call has to be answered (``live.call``)
ENVIRONMENTS = """
[[environments]]
id = "local"
backend = "local"
"""
HEAD = b"POST /api/services/compute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
ATTACKS = {
    "a chunk that is longer than it says": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"
    ),
    "a chunk that is shorter than it says": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n{}\r\n0\r\n\r\n"
    ),
    "a chunk of a negative length": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n"
    ),
    "a chunk whose length has no end": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 300_000
    ),
    "a length and chunks": HEAD
    + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks twice": (
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"
    ),
    "chunks by another name": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a body shorter than its length": HEAD + b"Content-Length: 100\r\n\r\n{}",
    "a request in a body": HEAD + b"Content-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "a header that goes on in the next line": HEAD + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "headers without end": HEAD + b"X: y\r\n" * 60_000,
    "no line at all": b"\0" * 300_000,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder: Path = tmp_path_factory.mktemp("connections")
    with Live(prepare(folder, ENVIRONMENTS)) as made:
        yield made


def connected(server: Live) -> socket.socket:
    host, _, port = server.netloc.partition(":")
    return socket.create_connection((host, int(port)), timeout=TIME_OUT)


@contextlib.contextmanager
def held(server: Live, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as closing:
        yield [closing.enter_context(connected(server)) for _ in range(count)]


@contextlib.contextmanager
def trickling(connections: list[socket.socket]) -> Iterator[None]:
    """Each connection sends a request without end, a byte each second."""
    over = threading.Event()

    def trickle() -> None:
        request = HEAD + b"Content-Length: 100000\r\n\r\n" + b" " * 100_000
        for number in range(len(request)):
            for connection in connections:
                connection.send(request[number : number + 1])
            if over.wait(1):
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def signed_calls(consumer: Consumer, server: Live, job_id: str) -> list[float]:
    """Seconds that each of many signed calls took; each is answered."""
    took = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        began = time.monotonic()
        assert consumer.job(server.netloc, job_id)["status"] == 70
        took.append(time.monotonic() - began)
    return took


def test_idle_and_trickling_connections_keep_no_signed_call_waiting(
    server: Live, tell: Tell
) -> None:
    consumer = Consumer()
    job_id = consumer.started(server.netloc, "true")
    final_job(consumer, server, job_id)
    alone = signed_calls(consumer, server, job_id)
    with held(server, IDLE), held(server, TRICKLING) as slow, trickling(slow):
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [Consumer(consumer.account) for _ in range(CLIENTS)]
            took = list(pool.map(lambda one: signed_calls(one, server, job_id), clients))
        calls = [seconds for one in took for seconds in one]
    worst = statistics.quantiles(calls, n=100)[98]
    before = statistics.quantiles(alone, n=100)[98]
    tell(
        f"{len(calls)} signed calls beside {IDLE} idle and {TRICKLING} trickling connections, all"
        f" answered: p99 {worst:.3f} s, of one client alone {before:.3f} s"
    )
    assert max(calls) < TIME_OUT


def to_the_end(connection: socket.socket) -> bytes:
    said = b""
    while piece := connection.recv(65_536):
        said += piece
    return said


def statuses(said: bytes) -> Counter[bytes]:
    return Counter(re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", said))


def test_two_hundred_requests_at_once_are_answered_one_after_the_other(server: Live) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with connected(server) as hasty:
        hasty.sendall(
            request * 199 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        assert statuses(to_the_end(hasty)) == {b"200": 200}


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_no_sound_request_is_refused_and_harms_nobody(server: Live, name: str) -> None:
    said = b""
    with connected(server) as attacker, contextlib.suppress(ConnectionError):
        attacker.sendall(ATTACKS[name])
        attacker.shutdown(socket.SHUT_WR)
        said = to_the_end(attacker)
    codes = statuses(said)
    assert set(codes) <= {b"400", b"413", b"431", b"501"}, said
    assert codes.total() <= 1, said
    assert call(server.netloc, "GET", "/").status == 200
    assert call(server.netloc, "GET", COMPUTE, {"jobId": "x"}).json == []
