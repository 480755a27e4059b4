"""The server that is judged: a WSGI callable in this process, or a URL."""

from __future__ import annotations

import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPResponse, RemoteDisconnected
from io import BufferedReader, RawIOBase
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import urllib3
import webtest
from wsgiproxy import HostProxy

from compute_conformance.exchanges import Answer, Request

WSGI = Callable[..., Iterable[bytes]]
MOST: Final = 64 * 2**20  #: bytes of an answer
UNREACHABLE: Final = "compute_conformance.unreachable"


class Unreachable(Exception):
    """No answer of HTTP came back; the text says what did."""


class Target(Protocol):
    """Takes requests."""

    name: str

    def send(self, request: Request) -> Answer:
        """The answer; Unreachable where there is none."""


class InProcess:
    """A WSGI callable; each thread has a client of its own."""

    def __init__(self, application: WSGI, name: str = "in this process") -> None:
        self.name = name
        self._application = application
        self._threads = threading.local()

    def send(self, request: Request) -> Answer:
        """Through WebTest, unchecked by its lint, which would refuse what servers must refuse."""
        headers = dict(request.headers)
        if request.json is not None:
            headers.setdefault("Content-Type", "application/json")
        asked = webtest.TestRequest.blank(
            request.target, method=request.method, headers=headers, body=request.content
        )
        try:
            answer = self._client().do_request(asked, status="*", expect_errors=True)
        except Exception:  # as a server of WSGI answers where its application raises
            return Answer(request, 500, {}, traceback.format_exc().encode())
        if UNREACHABLE in asked.environ:
            raise asked.environ[UNREACHABLE]
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(request, answer.status_int, found, answer.body)

    def _client(self) -> webtest.TestApp:
        if not hasattr(self._threads, "client"):
            self._threads.client = webtest.TestApp(self._application, lint=False)
        client: webtest.TestApp = self._threads.client
        client.reset()  # cookies are nobody's
        return client


class Live(InProcess):
    """A URL, asked through WSGIProxy2; a call that takes longer than `seconds` has no answer."""

    def __init__(self, url: str, seconds: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(
                f"{url!r} is no http or https URL; give one like http://127.0.0.1:8030"
            )
        self.url = url.rstrip("/")
        super().__init__(_Proxy(self.url, client=_Client(seconds)), self.url)


class _Proxy(HostProxy):  # type: ignore[misc]
    """Hands on why there was no answer, which it would else make an answer of its own."""

    def process_request(self, uri: str, method: str, headers: dict[str, str], environ: Any) -> Any:
        try:
            return super().process_request(uri, method, headers, environ)
        except (urllib3.exceptions.HTTPError, TimeoutError) as error:
            environ[UNREACHABLE] = Unreachable(f"{method} {uri}: {error}")
            return "502 Unreachable", None, [], [b""]


class _Bounded(RawIOBase):
    """What a connection receives; all of one answer has to come in the time that it has."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = connection.makefile("rb", buffering=0)
        self._end = time.monotonic() + (connection.gettimeout() or 0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait no longer than until the end, however slowly bytes come."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._connection.settimeout(left)
        return self._received.readinto(buffer) or 0

    def close(self) -> None:
        """Let go of the connection."""
        self._received.close()
        super().close()


class _Lines(BufferedReader):
    """Tells of an end within a head, which http.client takes for the end of the head."""

    def readline(self, size: int | None = -1) -> bytes:
        """The next line, whole or as long as `size`."""
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size:
            raise RemoteDisconnected("the connection was closed before the answer's head was whole")
        return line


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = _Lines(_Bounded(sock))


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _Response


class _SecureConnection(urllib3.connection.HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Client:
    """What WSGIProxy2 asks with: bounded in time and in size."""

    def __init__(self, seconds: float, most: int = MOST) -> None:
        self._pool = urllib3.PoolManager(16, maxsize=16, timeout=seconds, retries=False)
        self._pool.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        self._seconds, self._most = seconds, most

    def __call__(self, uri: str, method: str, body: Any, headers: dict[str, str]) -> Any:
        """Status, location, headers and body."""
        headers.pop("Transfer-Encoding", None)
        length = int(headers.get("Content-Length") or 0)
        answer = self._pool.urlopen(
            method,
            uri,
            body=body.read(length) if length else None,
            headers=headers,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        with answer:
            content = b"".join(self._pieces(answer))
        found = [(k, v) for k, v in answer.headers.items() if k.lower() != "transfer-encoding"]
        return f"{answer.status} {answer.reason}", None, found, [content]

    def _pieces(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        """The body as it comes, however slow each byte of it is sent."""
        until, left = time.monotonic() + self._seconds, self._most
        while piece := answer.read1(65536):
            left -= len(piece)
            if left < 0:
                raise TimeoutError(f"the answer is longer than {self._most} bytes")
            if time.monotonic() > until:
                raise TimeoutError(f"the answer took longer than {self._seconds:g} seconds")
            yield piece
