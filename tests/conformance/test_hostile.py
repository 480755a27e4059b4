"""Targets that are no server of this API, or mean harm: a clear word and exit code 2, in time."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import pack

import pytest
from click.testing import CliRunner, Result

from compute_conformance.cli import main

Behaviour = Callable[[socket.socket, threading.Event], None]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
PATIENCE = 60  # seconds; the profile's time-out is one


@contextmanager
def listening(behave: Behaviour, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """A target that behaves so on each connection, until the block ends."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)

        def serve() -> None:
            while not ended.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    connection.settimeout(PATIENCE)
                    with tls.wrap_socket(connection, True) if tls else connection as one:
                        one.recv(65536)
                        behave(one, ended)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http{'s' if tls else ''}://127.0.0.1:{server.getsockname()[1]}"
        finally:
            ended.set()
            thread.join()


def judged(url: str, tmp_path: Path) -> Result:
    """What the command says of it."""
    profile = tmp_path / "profile.toml"
    profile.write_text("[limits]\nrequest = 1\n")
    begun = time.monotonic()
    found = CliRunner().invoke(main, ["run", url, "--profile", str(profile)])
    assert time.monotonic() - begun < PATIENCE
    assert found.exit_code == 2, found.output
    assert "Traceback" not in found.output
    return found


def says(*pieces: bytes, every: float = 0, last: bytes = b"") -> Behaviour:
    """Send the pieces, then the last one again and again."""

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        for piece in pieces:
            connection.sendall(piece)
        while last and not ended.wait(every):
            connection.sendall(last)

    return behave


def silent(connection: socket.socket, ended: threading.Event) -> None:
    ended.wait()


def resets(connection: socket.socket, ended: threading.Event) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))


NO_ANSWER = "There was no answer"
NO_SERVER = "This does not seem to be a server of this API"
LONG = b"x" * 2**17
HOSTILE = {
    "silent": (silent, NO_ANSWER),
    "resets the connection": (resets, NO_ANSWER),
    "speaks another protocol": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), NO_ANSWER),
    "never ends its body": (says(ANSWER, b"\r\n", last=b" " * 2**16), NO_ANSWER),
    "never ends its head": (says(ANSWER, every=0.1, last=b"X: y\r\n"), NO_ANSWER),
    "drips its head": (says(b"HTTP/1.1 200", every=0.1, last=b" "), NO_ANSWER),
    "drips its body": (says(ANSWER, b"\r\n", every=0.1, last=b" "), NO_ANSWER),
    "goes on promising": (says(last=b"HTTP/1.1 100 Continue\r\n\r\n"), NO_ANSWER),
    "has a huge header": (says(ANSWER, b"X: " + LONG + b"\r\n\r\n{}"), NO_ANSWER),
    "has many headers": (says(ANSWER, b"X: y\r\n" * 1000, b"\r\n{}"), NO_ANSWER),
    "breaks its chunks": (
        says(ANSWER, b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
        NO_ANSWER,
    ),
    "breaks off": (says(ANSWER, b"Content-Length: 50\r\n\r\n[]"), NO_ANSWER),
    "breaks off in its head": (says(ANSWER, b"X: y\r\n"), NO_ANSWER),
    "breaks off in its first line": (says(b"HTTP/1.1 200 OK"), NO_ANSWER),
    "breaks off in a header": (says(ANSWER, b"Content-Type: text/html\r\nContent-Le"), NO_ANSWER),
    "lies of its length": (says(ANSWER, b"Content-Length: -5x\r\n\r\n{}"), NO_SERVER),
    "redirects in a circle": (
        says(b"HTTP/1.1 302 Found\r\nLocation: /api/services/computeEnvironments\r\n\r\n"),
        NO_SERVER,
    ),
    "speaks HTML": (says(ANSWER, b"\r\n<!doctype html><title>Welcome</title>"), NO_SERVER),
    "nests without end": (says(ANSWER, b"\r\n", b"[" * 100_000), NO_SERVER),
    "has no environments": (says(ANSWER, b"\r\n[]"), "serves no environment on chain 8996"),
    "has another kind of environments": (says(ANSWER, b'\r\n{"8996": 7}'), NO_SERVER),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_told_and_left(name: str, tmp_path: Path) -> None:
    behave, told = HOSTILE[name]
    with listening(behave) as url:
        found = judged(url, tmp_path)
    assert "could not be judged" in found.output
    assert told in " ".join(found.output.split())


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert "refused" in judged(url, tmp_path).output


def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-nodes", "-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with listening(says(ANSWER, b"\r\n[]"), tls) as url:
        assert "certificate" in judged(url, tmp_path).output


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "localhost:8030", "http://"])
def test_what_is_no_url(url: str, tmp_path: Path) -> None:
    assert "URL" in judged(url, tmp_path).output


def test_one_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    answers = iter([b'[{"id": "one"}]'])

    def behave(connection: socket.socket, ended: threading.Event) -> None:
        for body in answers:
            connection.sendall(ANSWER + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            return
        resets(connection, ended)

    with listening(behave) as url:
        found = judged(url, tmp_path)
    assert "gave no answer any more" in " ".join(found.output.split())
