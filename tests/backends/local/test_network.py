"""What an algorithm reaches of the network: nothing, unless its datasets allow it."""

from __future__ import annotations

import http.server
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from compute_ref.plugins import Exit
from tests.backends.local.attempts import REPORT, reported
from tests.backends.local.conftest import Place

Neighbour = tuple[int, list[str]]


@pytest.fixture
def neighbour() -> Iterator[Neighbour]:
    """A server on loopback of this machine: its port, and the paths of those who came."""
    came: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, came
    server.shutdown()
    thread.join()
    server.server_close()


CALL = """
import socket
def call(host, port):
    socket.create_connection((host, port), timeout=5).sendall(b"GET /came HTTP/1.0\\r\\n\\r\\n")
    return "reached"
"""


def test_it_reaches_no_server_of_this_machine_nor_any_address(
    place: Place, neighbour: Neighbour
) -> None:
    port, came = neighbour
    run = place.python(
        REPORT
        + CALL
        + f"attempt('loopback', lambda: call('127.0.0.1', {port}))\n"
        + "attempt('world', lambda: call('192.0.2.1', 80))\n"
        + "attempt('metadata', lambda: call('169.254.169.254', 80))\n"
        + "attempt('names', lambda: socket.getaddrinfo('example.org', 80))\n"
    )
    assert place.finish(run) == Exit(0)
    assert "reached" not in reported(place, run).values()
    assert all("rror" in found for found in reported(place, run).values())
    assert came == []


def test_it_has_the_network_where_the_datasets_allow_it(place: Place, neighbour: Neighbour) -> None:
    port, came = neighbour
    run = place.python(
        REPORT + CALL + f"attempt('loopback', lambda: call('127.0.0.1', {port}))\n", network=True
    )
    assert place.finish(run) == Exit(0)
    assert reported(place, run) == {"loopback": "reached"}


def test_it_reaches_no_abstract_socket_of_this_machine(place: Place) -> None:
    name = f"\0compute-ref-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        run = place.python(
            REPORT
            + "import socket\n"
            + f"attempt('abstract', lambda: socket.socket(socket.AF_UNIX).connect({name!r}))\n"
        )
        assert place.finish(run) == Exit(0)
    assert reported(place, run) == {"abstract": "ConnectionRefusedError"}
