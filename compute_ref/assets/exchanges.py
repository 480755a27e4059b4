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
from email.errors import MultipartInvariantViolationDefect, StartBoundaryNotFoundDefect
from typing import Any, Final

from compute_ref.assets.targets import Target
from compute_ref.plugins import FileUnavailable

NO_DEFECTS: Final = (StartBoundaryNotFoundDefect, MultipartInvariantViolationDefect)  # of bodies
STALL: Final = 30.0  # seconds without a byte
SLOW: Final = "Fetching the data took longer than this server allows."
BROKEN_OFF: Final = "The data broke off while it was fetched."


class Unreachable(FileUnavailable):
    """There is no connection to this address; another address of the host may do."""


class Exchange:
    """One request and its answer. `until` is the moment of the monotonic clock at which it ends.

    At that moment the socket is shut down, so that a server which sends a byte now and then,
    of headers or of data, gains nothing.
    """

    def __init__(self, target: Target, address: str, until: float, tls: ssl.SSLContext) -> None:
        self._target = target
        self._tls = tls
        left = until - time.monotonic()
        if left <= 0:
            raise FileUnavailable(SLOW)
        self._late = threading.Event()
        self._connection = http.client.HTTPConnection(
            address, target.port, timeout=min(STALL, left)
        )
        self._socket: socket.socket | None = None
        self._cut = threading.Timer(left, self._shut)
        self._cut.daemon = True
        self._answer: http.client.HTTPResponse | None = None

    def ask(self, method: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Connect, send the request and return the answer, its body unread."""
        try:
            with self._failing("The server of the data cannot be reached.", Unreachable):
                self._connect()
            with self._failing("The server of the data gave no sound answer."):
                self._connection.request(method, self._target.path, headers=dict(headers))
                self._answer = _sound(self._connection.getresponse())
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
        self._cut.cancel()
        if self._answer is not None:
            self._answer.close()
        self._connection.close()

    def _connect(self) -> None:
        self._connection.connect()
        if self._target.scheme == "https":
            self._connection.sock = self._tls.wrap_socket(
                self._connection.sock, server_hostname=self._target.host
            )
        self._socket = self._connection.sock
        self._cut.start()

    def _shut(self) -> None:
        self._late.set()
        with suppress(OSError):  # it ended by itself
            if self._socket is not None:
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    @contextmanager
    def _failing(self, text: str, event: type[FileUnavailable] = FileUnavailable) -> Iterator[None]:
        """No cause is kept: its text would name the host."""
        try:
            yield
        except (http.client.HTTPException, OSError, ValueError):
            raise (FileUnavailable(SLOW) if self._late.is_set() else event(text)) from None
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
