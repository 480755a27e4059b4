"""How a server ends, in a process of its own: signals, answers under way, calls that hang."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

PATIENT = 30  # seconds until a test gives up on an event

Start = Callable[..., tuple[subprocess.Popen[str], str]]
Asked = Callable[[str, str], http.client.HTTPResponse]
Connected = Callable[[str], http.client.HTTPConnection]

PROGRAM = """
import signal, sys, threading
from compute_ref.serving import serve
from compute_ref.settings import Environment, Server, Settings

class App:
    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return getattr(self, path.strip("/"))(environ)

    def quick(self, environ):
        return [b"done"]

    def slow(self, environ):
        def parts():
            for _ in range(8):
                yield b"x"
                threading.Event().wait(0.2)
        return parts()

    def read(self, environ):
        return [environ["wsgi.input"].read()]

    def endless(self, environ):
        def parts():
            while True:
                yield b"x" * 65536
        return parts()

    def stuck(self, environ):
        print("stuck", flush=True)
        threading.Event().wait()

    def signalled(self, environ):
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        threading.Event().wait()

    def close(self):
        print("closed", flush=True)
        if "hang" in sys.argv:
            threading.Event().wait()

sys.exit(serve(App(), Settings((Environment("a", "b"),), server=Server(port=0, threads=4))))
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a server process; gives the process and where it listens."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    begun: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, str(program), *arguments], stdout=subprocess.PIPE, text=True
        )
        begun.append(process)
        assert process.stdout is not None
        words = process.stdout.readline().split()
        assert words[:2] == ["Serving", "on"]
        return process, words[2].removeprefix("http://")

    yield start
    for process in begun:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def ended(process: subprocess.Popen[str], since: float) -> str:
    """The rest of what the process says; it must have ended well and in time."""
    rest = process.communicate(timeout=PATIENT)[0]
    assert process.returncode == 0
    assert time.monotonic() - since < 5
    return rest


@pytest.fixture
def asked(connected: Connected) -> Asked:
    """Ask for a path; gives an answer that has begun."""

    def asked(netloc: str, path: str) -> http.client.HTTPResponse:
        connection = connected(netloc)
        connection.request("GET", path)
        return connection.getresponse()

    return asked


@pytest.fixture
def connected() -> Iterator[Connected]:
    """A connection, closed at the end of the test with what came over it."""
    with ExitStack() as open_ones:

        def connected(netloc: str) -> http.client.HTTPConnection:
            connection = http.client.HTTPConnection(netloc, timeout=PATIENT)
            open_ones.callback(connection.close)
            return connection

        yield connected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_well(start: Start, asked: Asked, number: signal.Signals) -> None:
    process, netloc = start()
    answer = asked(netloc, "/quick")
    assert answer.read() == b"done"
    since = time.monotonic()
    process.send_signal(number)
    assert ended(process, since) == "closed\n"
    assert time.monotonic() - since < 4  # an idle connection is nothing to wait for


def test_signals_by_the_dozen_end_it_as_one_does(start: Start) -> None:
    process, _ = start()
    since = time.monotonic()
    for _ in range(48):
        process.send_signal(signal.SIGTERM)
    assert ended(process, since) == "closed\n"


def test_an_answer_under_way_is_finished(start: Start, asked: Asked) -> None:
    process, netloc = start()
    answer = asked(netloc, "/slow")
    assert answer.read(1) == b"x"
    since = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert answer.read() == b"x" * 7
    assert ended(process, since) == "closed\n"


def test_a_request_that_is_still_coming_is_finished(start: Start) -> None:
    process, netloc = start()
    host, port = netloc.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=PATIENT) as connection:
        head = b"POST /read HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
        connection.sendall(head.replace(b"HTTP/1.0", b"HTTP/1.1"))
        assert b"100 Continue" in connection.recv(1000)  # so the server has begun to read
        connection.sendall(b"ab")
        since = time.monotonic()
        process.send_signal(signal.SIGTERM)
        wait_until_refused(host, int(port))
        connection.sendall(b"cd")
        answer = b""
        while b"abcd" not in answer:
            more = connection.recv(1000)
            assert more
            answer += more
    assert ended(process, since) == "closed\n"


def wait_until_refused(host: str, port: int) -> None:
    """The server has stopped to accept: nobody listens any more."""
    give_up = time.monotonic() + PATIENT
    while time.monotonic() < give_up:
        try:
            socket.create_connection((host, port), timeout=PATIENT).close()
        except ConnectionResetError:  # it was in the queue of a socket that closed
            continue
        except ConnectionRefusedError:
            return
    raise AssertionError("still accepting")


def test_an_answer_without_end_is_cut(start: Start, asked: Asked) -> None:
    process, netloc = start()
    answer = asked(netloc, "/endless")  # its client reads no further
    assert answer.read(1) == b"x"
    since = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert ended(process, since) == "closed\n"
    assert time.monotonic() - since > 3.5


def test_a_call_that_hangs_does_not_keep_the_process(start: Start, connected: Connected) -> None:
    process, netloc = start()
    connection = connected(netloc)
    connection.request("GET", "/stuck")
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    since = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    assert ended(process, since) == "closed\n"


def test_a_signal_is_heard_whichever_thread_it_comes_to(start: Start, connected: Connected) -> None:
    process, netloc = start()
    since = time.monotonic()
    connected(netloc).request("GET", "/signalled")
    assert ended(process, since) == "closed\n"


def test_a_close_that_hangs_does_not_keep_the_process(start: Start) -> None:
    process, _ = start("hang")
    since = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert ended(process, since) == "closed\n"
