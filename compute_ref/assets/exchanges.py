"""One request to one address, and its answer, cut off when its time is up."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.errors import MultipartInvariantViolationDefect, StartBoundaryNotFoundDefect
from typing import Any, Final

from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.targets import Target
from compute_ref.plugins import FileUnavailable

NO_DEFECTS: Final = (StartBoundaryNotFoundDefect, MultipartInvariantViolationDefect)  # of bodies
STALL: Final = 30.0  # seconds without a byte
SLOW: Final = "Fetching the data took longer than this server allows."
BROKEN_OFF: Final = "The data broke off while it was fetched."


class Unreachable(FileUnavailable):
    """There is no connection to this address; another address of the host may do."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When a fetch is cut off: at two moments of the monotonic clock, or when it is cancelled."""

    begun: float  #: by then its answer has begun
    over: float  #: by then all of it is there
    cancel: Cancellation


class Exchange:
    """One request and its answer.

    Once its `terms` are not kept the socket is shut down, so that a server which sends nothing, or
    a byte now and then, of headers or of data, gains nothing.
    """

    def __init__(self, target: Target, address: str, terms: Terms, tls: ssl.SSLContext) -> None:
        self._target = target
        self._terms = terms
        self._tls = tls
        self._connection = http.client.HTTPConnection(address, target.port)
        self._socket: socket.socket | None = None
        self._late = threading.Event()
        self._timer: threading.Timer | None = None
        self._answer: http.client.HTTPResponse | None = None

    def ask(
        self, method: str, headers: Mapping[str, str], connecting: float
    ) -> http.client.HTTPResponse:
        """Connect in `connecting` seconds, send the request; the answer, its body unread."""
        try:
            self._connect(connecting)
            with self._failing("The server of the data gave no sound answer."):
                self._connection.request(method, self._target.path, headers=dict(headers))
                self._answer = _sound(self._connection.getresponse())
            self._cut_at(self._terms.over)
            return self._answer
        except FileUnavailable:
            self.close()
            raise

    def read(self, size: int) -> bytes:
        """At most `size` bytes of the body, as they come; b"" at its end."""
        answer = self._answer
        if answer is None:
            return b""
        with self._failing(BROKEN_OFF):
            data = answer.read1(size)
        if not data and answer.length:
            raise FileUnavailable(BROKEN_OFF)
        return data

    def close(self) -> None:
        """End the connection; twice is fine."""
        self._terms.cancel.forget(self._shut)
        self._cut_at(None)
        if self._answer is not None:
            self._answer.close()
        self._connection.close()

    def _connect(self, seconds: float) -> None:
        """No cause is kept: its text would name the host."""
        try:
            peer = self._make_socket()
            self._cut_at(self._terms.begun)
            self._terms.cancel.wake_by(self._shut)
            self._connection.sock.settimeout(seconds)
            self._connection.sock.connect(peer)  # and shake hands where it is https
            self._connection.sock.settimeout(STALL)
        except (OSError, ValueError):
            raise Unreachable("The server of the data cannot be reached.") from None

    def _make_socket(self) -> Any:
        """Before it connects, so that it can be shut down meanwhile; gives what to connect to."""
        host, port = self._connection.host, self._connection.port
        (family, kind, protocol, _, peer), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
        self._connection.sock = socket.socket(family, kind, protocol)
        if self._target.scheme == "https":
            self._connection.sock = self._tls.wrap_socket(
                self._connection.sock, server_hostname=self._target.host
            )
        self._socket = self._connection.sock
        return peer

    def _cut_at(self, moment: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if moment is not None:
            self._timer = threading.Timer(moment - time.monotonic(), self._shut)
            self._timer.daemon = True
            self._timer.start()

    def _shut(self) -> None:
        self._late.set()
        with suppress(OSError):  # it ended by itself
            if self._socket is not None:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    @contextmanager
    def _failing(self, text: str) -> Iterator[None]:
        """No cause is kept: its text would name the host."""
        try:
            yield
        except (http.client.HTTPException, OSError, ValueError):
            raise FileUnavailable(SLOW if self._late.is_set() else text) from None
        if self._late.is_set():
            raise FileUnavailable(SLOW)


def _sound(answer: http.client.HTTPResponse) -> http.client.HTTPResponse:
    """`answer`, unless a broken line ended its headers: lengths that follow would go unseen."""
    if any(not isinstance(defect, NO_DEFECTS) for defect in answer.headers.defects):
        answer.close()
        raise http.client.BadStatusLine("broken headers")
    return answer


class Body(io.RawIOBase):
    """The body of an answer as a stream; closing it ends the exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what one receive gives; raises FileUnavailable."""
        data = self._exchange.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """End the connection."""
        self._exchange.close()
        super().close()
