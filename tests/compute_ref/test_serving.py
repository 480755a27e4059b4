"""Real connections to a small application: what waitress refuses itself, and how it all ends."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from compute_ref.serving import SPARE_BODY, CannotListen, Listener, listen
from compute_ref.settings import Environment, Server, Settings

SETTINGS = Settings((Environment("a", "b"),), server=Server(port=0, threads=2, max_body=4096))
PATIENT = 30  # seconds until a test gives up on an event

Start = Callable[..., tuple[subprocess.Popen[str], str]]
Asked = Callable[[str, str], http.client.HTTPResponse]
Connected = Callable[[str], http.client.HTTPConnection]


class Answer(NamedTuple):
    status: int
    headers: Message
    text: bytes


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    body = environ["wsgi.input"].read()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]


@contextmanager
def serving(app: WSGIApplication, **server: Any) -> Iterator[str]:
    listener = Listener(app, replace(SETTINGS, server=replace(SETTINGS.server, **server)))
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        yield listener.url.removeprefix("http://")
    finally:
        listener.stop()
        thread.join(PATIENT)
        assert not thread.is_alive()


def ask(netloc: str, body: bytes | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection(netloc, timeout=PATIENT)
    connection.request("POST", "/x?secret=1", body, headers)
    found = connection.getresponse()
    answer = Answer(found.status, found.headers, found.read())
    connection.close()
    return answer


def raw(netloc: str, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are and read until the end."""
    host, port = netloc.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=PATIENT) as connection:
        connection.sendall(sent)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, dict(answer.getheaders()), answer.read()


def test_requests_are_answered_on_the_port_that_is_told() -> None:
    with serving(echo) as netloc:
        assert ask(netloc, b"hello").text == b"hello"


@pytest.mark.parametrize("megabytes", [1, 8, 40])
def test_a_body_far_too_large_is_answered_while_it_is_still_sent(megabytes: int) -> None:
    with serving(echo) as netloc:
        answer = ask(netloc, b"x" * (megabytes << 20))
        assert answer.status == 413
        assert json.loads(answer.text) == {
            "error": "The body is larger than this server takes. Send less."
        }
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Connection"] == "close"
        assert ask(netloc, b"again").text == b"again"


def test_a_chunked_body_too_large_is_refused() -> None:
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(echo) as netloc:
        status, headers, body = raw(netloc, head + chunk * (1 + SPARE_BODY // 4096))
    assert status == 413
    assert "larger" in json.loads(body)["error"]


def test_a_body_a_little_too_large_is_the_applications_to_refuse() -> None:
    with serving(echo) as netloc:
        assert ask(netloc, b"x" * 5000).status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 300_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nbroken\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_refused_as_json(sent: bytes, status: int) -> None:
    with serving(echo, cors_origins=("https://a.example",)) as netloc:
        found, headers, body = raw(netloc, sent)
        assert found == status
        assert list(json.loads(body)) == ["error"]
        assert headers["Content-Type"] == "application/json"
        assert "Access-Control-Allow-Origin" not in headers
        assert ask(netloc, b"still there").text == b"still there"


def test_a_fault_of_the_application_shows_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    def broken(environ: WSGIEnvironment, start_response: StartResponse) -> NoReturn:
        raise RuntimeError("inner secret")

    with serving(broken) as netloc:
        answer = ask(netloc)
    assert answer.status == 500
    assert b"inner secret" not in answer.text
    assert "error" in json.loads(answer.text)
    assert "secret=1" not in caplog.text


def test_a_client_that_never_ends_its_refused_request_is_cut_when_the_server_ends() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
    with serving(echo) as netloc:
        host, port = netloc.rsplit(":", 1)
        lazy = socket.create_connection((host, int(port)), timeout=PATIENT)
        lazy.sendall(head)
        assert b"413" in lazy.recv(100)
    with lazy:
        lazy.settimeout(PATIENT)
        while lazy.recv(1000):
            pass


def test_a_client_that_is_refused_and_goes_leaves_nothing_behind() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
    listener = Listener(echo, SETTINGS)
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        for _ in range(3):
            raw(listener.url.removeprefix("http://"), head)
        ask(listener.url.removeprefix("http://"), b"x")
        give_up = time.monotonic() + PATIENT
        while listener._channels() and time.monotonic() < give_up:
            ask(listener.url.removeprefix("http://"), b"x")
        assert len(listener._channels()) <= 1
    finally:
        listener.stop()
        thread.join(PATIENT)


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with listen(Server(port=0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListen, match=f"server.port {port}.*in use.*--port"):
            listen(Server(port=port))


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "a" * 70 + ".example"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(CannotListen, match=f"server.host {host}"):
        listen(Server(host=host, port=0))


# Ending, in a process of its own

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
