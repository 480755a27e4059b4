"""Connections: errors that waitress finds itself are JSON, and their senders get to read them."""

from __future__ import annotations

import json
import socket
import time
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask

LINGER_SECONDS: Final = 5.0
LINGER_BYTES: Final = 2**28

TEXTS: Final = {
    400: "The request could not be read as HTTP. Check how it is sent.",
    413: "The body is larger than this server takes. Send less.",
    431: "The headers are larger than this server takes. Send less.",
    500: "The server failed to answer. Its operator finds the reason in the log.",
    501: "The server does not read bodies in this transfer coding. Send it as it is, or chunked.",
}


class Parser(HTTPRequestParser):
    """Refuses a body with a length and with chunks: a proxy may have read it the other way."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read request line and headers; ParsingError where they cannot be relied on."""
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Content-Length and Transfer-Encoding exclude each other")


class JsonErrorTask(ErrorTask):
    """An answer to a request that never reached the application, in the shape of all errors."""

    def execute(self) -> None:
        """Write the error and end the connection."""
        channel: Any = self.channel
        error: Any = self.request.error  # type: ignore[attr-defined]
        body = json.dumps({"error": TEXTS.get(error.code, error.reason)}).encode("ascii")
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [
            ("Content-Type", "application/json"),
            ("X-Content-Type-Options", "nosniff"),
            *channel.server.error_headers,
        ]
        channel.unread = True
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)


class Channel(HTTPChannel):
    """A connection. One whose request was refused unread is closed only when its sender is done.

    Closing at once would reset the connection while a client still sends, and the client would
    see that instead of the answer.
    """

    parser_class = Parser
    error_task_class = JsonErrorTask
    unread = False
    _lingering = False
    _linger_until = 0.0
    _dropped = 0

    @property
    def busy(self) -> bool:
        """Whether a request is being received, worked on or answered."""
        return bool(self.requests or self.request is not None or self.total_outbufs_len)

    def readable(self) -> bool:
        """While lingering: until the sender is done, or has had its time."""
        if not self._lingering:
            return bool(super().readable())
        if time.monotonic() > self._linger_until or self._dropped > LINGER_BYTES:
            self.handle_close()
            return False
        return True

    def writable(self) -> bool:
        """Nothing is left to say while lingering."""
        return not self._lingering and bool(super().writable())

    def received(self, data: bytes) -> bool:
        """Drop what comes after the answer."""
        if not self._lingering:
            return bool(super().received(data))
        self._dropped += len(data)
        return True

    def write_soon(self, data: Any) -> int:
        """Send what the socket takes at once, and keep only the rest for the loop to send.

        With waitress alone the loop turns without rest while an answer is being sent: to it the
        socket is writable, and the answer still there.
        """
        total = len(data)
        if isinstance(data, bytes) and total:
            with self.outbuf_lock:
                data = data[self._sent_at_once(data) :]
        super().write_soon(data)
        return total

    def _sent_at_once(self, data: bytes) -> int:
        if self.total_outbufs_len or not self.connected:
            return 0
        try:
            return int(self.send(data, do_close=False))
        except OSError:  # found again, and dealt with, where the rest is sent
            return 0

    def handle_close(self) -> None:
        """Close, or first say that nothing more comes and hear the sender out."""
        if self.unread and not self._lingering and self._said_all():
            self._lingering = True
            self._linger_until = time.monotonic() + LINGER_SECONDS
        else:
            super().handle_close()

    def cut(self) -> None:
        """Close now, whatever is under way."""
        self._lingering = True
        self.handle_close()

    def _said_all(self) -> bool:
        if self.socket is None:
            return False
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # the client is gone
            return False
        return True
