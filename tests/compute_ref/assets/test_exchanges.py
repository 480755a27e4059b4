"""Servers that take their time, or break off."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from compute_ref.assets import web
from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.web import GuardedClient
from compute_ref.plugins import FileUnavailable
from tests.compute_ref.assets.conftest import Act, Scripted, Serve

HEAD = b"HTTP/1.1 200 OK\r\n"
PATIENCE = 20  # seconds; far above the time limit of the fetch, far below that of the server


def fetch(url: str, timeout: float) -> bytes:
    """All bytes of `url`, and the time that took."""
    begun = time.monotonic()
    try:
        with GuardedClient(timeout, allow_private=True).open(url).stream as stream:
            return stream.read()
    finally:
        assert time.monotonic() - begun < PATIENCE


def trickle(first: bytes, piece: bytes) -> Act:
    """After `first`, sends `piece` ten times a second until the test is over."""

    def act(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(first)
        while not ended.wait(0.1):
            connection.sendall(piece)

    return act


def once(answer: bytes) -> Act:
    def act(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(answer)

    return act


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b""),
        (HEAD, b""),
        (b"H", b"T"),
        (HEAD, b"X: y\r\n"),
        (HEAD + b"X: ", b"y"),
        (HEAD + b"Content-Length: 9000\r\n\r\n", b"z"),
        (HEAD + b"\r\n", b"z"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;x=", b"y"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    ],
)
def test_a_server_that_trickles_is_left_when_time_is_up(
    scripted: Scripted, first: bytes, piece: bytes
) -> None:
    with pytest.raises(FileUnavailable, match="took longer"):
        fetch(scripted(trickle(first, piece)), 0.6)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        HEAD + b"X: y\r\n" * 200 + b"\r\n",
        HEAD + b"broken \x00 line\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_an_answer_that_is_none_is_refused(scripted: Scripted, answer: bytes) -> None:
    with pytest.raises(FileUnavailable, match="no sound answer"):
        fetch(scripted(once(answer)), 10)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 9\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhalf",
    ],
)
def test_half_of_the_data_is_not_taken_for_all_of_it(scripted: Scripted, body: bytes) -> None:
    with pytest.raises(FileUnavailable, match="broke off"):
        fetch(scripted(once(HEAD + body)), 10)


def test_data_of_several_parts_is_data_like_any_other(scripted: Scripted) -> None:
    kind = b"Content-Type: multipart/mixed; boundary=x\r\n"
    assert fetch(scripted(once(HEAD + kind + b"Content-Length: 2\r\n\r\nab")), 10) == b"ab"


def test_nothing_is_all_there_is_of_an_empty_file(scripted: Scripted) -> None:
    assert fetch(scripted(once(HEAD + b"Content-Length: 0\r\n\r\n")), 10) == b""


Dead = Callable[[str, int], int]


@pytest.fixture
def dead() -> Iterator[Dead]:
    """Makes an address and a port that neither take a connection nor refuse it; gives the port."""
    with ExitStack() as opened:

        def make(host: str, port: int = 0) -> int:
            listener = opened.enter_context(socket.create_server((host, port), backlog=0))
            with suppress(TimeoutError):
                while True:  # until the queue is full: the kernel drops whatever asks after that
                    place = listener.getsockname()
                    opened.enter_context(socket.create_connection(place, 0.5))
            return int(listener.getsockname()[1])

        yield make


def known_as(*addresses: str) -> GuardedClient:
    """A client that finds any host at these addresses."""
    return GuardedClient(600, allow_private=True, resolver=lambda *_: addresses)


def test_all_addresses_of_a_dead_host_together_have_the_time_of_one(
    dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "STALL", 2.0)
    port = dead("127.0.0.2", 0)
    begun = time.monotonic()
    with pytest.raises(FileUnavailable, match="cannot be reached"):
        known_as(*["127.0.0.2"] * 20).open(f"http://data.example:{port}/")
    assert time.monotonic() - begun < PATIENCE


def test_dead_addresses_leave_time_for_one_that_is_not(
    dead: Dead, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "STALL", 6.0)
    server = serve()
    dead("127.0.0.2", server.port)
    server.page("/x", b"y")
    client = known_as("127.0.0.2", "127.0.0.2", "127.0.0.1")
    with client.open(server.url("/x", "data.example")).stream as stream:
        assert stream.read() == b"y"


def cancelled(url: str, waiting: Callable[[], object], *addresses: str) -> threading.Thread:
    """Fetch `url` in a thread, and cancel that once `waiting` returns."""
    cancel = Cancellation()
    client = known_as(*addresses or ["127.0.0.1"]).cancelled_by(cancel)

    def fetch() -> None:
        with pytest.raises(FileUnavailable):
            client.open(url).stream.read()

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    waiting()
    cancel.set()
    thread.join(PATIENCE)
    return thread


@pytest.mark.parametrize("first", [b"", HEAD, HEAD + b"Content-Length: 9000\r\n\r\nz"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_cancelled_fetch_does_not_wait_for_a_silent_server(
    scripted: Scripted, first: bytes, scheme: str
) -> None:
    silent = threading.Event()

    def act(connection: socket.socket, ended: threading.Event) -> None:
        connection.sendall(first if scheme == "http" else b"")
        silent.set()
        ended.wait()

    url = scripted(act).replace("http", scheme)
    assert not cancelled(url, lambda: silent.wait(PATIENCE)).is_alive()


def test_a_cancelled_fetch_does_not_wait_for_a_connection(dead: Dead) -> None:
    port = dead("127.0.0.2", 0)

    def connecting() -> None:
        while f" 0200007F:{port:04X} 02 " not in Path("/proc/net/tcp").read_text():
            threading.Event().wait(0.01)

    thread = cancelled(f"http://data.example:{port}/", connecting, *["127.0.0.2"] * 2)
    assert not thread.is_alive()


def test_what_is_cancelled_before_it_begins_is_not_asked_for(serve: Serve) -> None:
    server, cancel = serve(), Cancellation()
    cancel.set()
    with pytest.raises(FileUnavailable):
        known_as("127.0.0.1").cancelled_by(cancel).open(server.page("/x"))
    assert server.seen == []


def test_a_server_that_is_not_there_is_told_so() -> None:
    with pytest.raises(FileUnavailable, match="cannot be reached"):
        fetch("http://127.0.0.1:9/", 10)


def test_no_time_at_all_is_too_little(scripted: Scripted) -> None:
    with pytest.raises(FileUnavailable, match="took longer"):
        fetch(scripted(once(HEAD)), 0)


def test_a_stream_can_be_left_half_read(serve: Serve) -> None:
    server = serve()
    opened = GuardedClient(10, allow_private=True).open(server.page("/x", b"y" * 10**6))
    assert opened.stream.read(3) == b"yyy"
    opened.stream.close()
    opened.stream.close()
    assert opened.stream.closed
