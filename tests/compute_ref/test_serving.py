"""Real connections to a small application: what waitress refuses itself."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import Message
from typing import Any, NamedTuple, NoReturn
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from compute_ref.serving import SPARE_BODY, CannotListen, Listener, listen
from compute_ref.settings import Environment, Server, Settings

SETTINGS = Settings((Environment("a", "b"),), server=Server(port=0, threads=2, max_body=4096))
PATIENT = 30  # seconds until a test gives up on an event


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


def test_a_server_that_has_ended_is_stopped_already() -> None:
    listener = Listener(echo, SETTINGS)
    listener.stop()
    listener.run()
    listener.stop()


def test_a_port_that_is_taken_is_named_with_what_to_do() -> None:
    with listen(Server(port=0)) as first:
        port = first.getsockname()[1]
        with pytest.raises(CannotListen, match=f"server.port {port}.*in use.*--port"):
            listen(Server(port=port))


@pytest.mark.parametrize("host", ["203.0.113.7", "no.such.host.invalid", "a" * 70 + ".example"])
def test_an_address_that_is_not_ours_is_named(host: str) -> None:
    with pytest.raises(CannotListen, match=f"server.host {host}"):
        listen(Server(host=host, port=0))
