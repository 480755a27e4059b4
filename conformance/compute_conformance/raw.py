"""Bytes to a live target and back, for what no client of HTTP would send.

A target in this process has no wire: what needs one is left out there.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from io import BytesIO
from typing import Any, Final
from urllib.parse import urlsplit

from compute_conformance.bench import Bench
from compute_conformance.exchanges import Answer, Request
from compute_conformance.targets import Live, Unreachable
from compute_conformance.verdicts import Disabled

SILENCE: Final = 1.0  # seconds without a byte after which an answered connection is left


class Wire:
    """One target's address; each exchange has a connection of its own."""

    def __init__(self, bench: Bench) -> None:
        if not isinstance(bench.target, Live):
            raise Disabled("a live target", "one in this process has no wire")
        if bench.profile.read_only:
            raise Disabled("bytes of any kind", "the profile is read_only")
        self._bench, self._place = bench, urlsplit(bench.target.url)

    def head(self, method: str, path: str, *lines: str) -> bytes:
        """Request line and headers, ended by an empty line."""
        first = f"{method} {self._place.path}{path} HTTP/1.1"
        return "\r\n".join((first, f"Host: {self._place.netloc}", *lines, "", "")).encode("latin-1")

    def talk(self, sent: bytes, answers: int = 1) -> list[Answer]:
        """What comes back, at most so many answers; none where the connection just ends."""
        self._bench.purse.pay_request()
        request = Request("RAW", self._place.path or "/", body=sent)
        received = self._received(sent, answers)
        found = list(_answers(received, request))[:answers]
        self._bench.purse.pay_bytes(len(received))
        self._bench.transcript += [(request, answer) for answer in found]
        return found

    def _received(self, sent: bytes, answers: int) -> bytes:
        limit = self._bench.profile.limits.request
        end, received = time.monotonic() + limit, b""
        try:
            with self._connected(limit) as connection:
                connection.sendall(sent)
                while time.monotonic() < end:
                    complete = len(list(_answers(received)))
                    if complete >= answers:
                        break
                    connection.settimeout(SILENCE if complete else limit)
                    piece = connection.recv(65536)
                    if not piece:
                        break
                    received += piece
        except ConnectionRefusedError as error:
            raise Unreachable(str(error)) from error
        except (TimeoutError, ConnectionError):
            pass  # silence or a reset is an end as good as any; what came is what counts
        return received

    def _connected(self, limit: float) -> socket.socket:
        secure = self._place.scheme == "https"
        port = self._place.port or (443 if secure else 80)
        made = socket.create_connection((self._place.hostname, port), limit)
        if not secure:
            return made
        return ssl.create_default_context().wrap_socket(made, server_hostname=self._place.hostname)


class _Kept(BytesIO):
    """Received bytes, as the socket that HTTPResponse reads; one answer's end is not theirs."""

    def makefile(self, *_: Any) -> _Kept:
        """Itself."""
        return self

    def close(self) -> None:
        """Stay open for the next answer."""


def _answers(received: bytes, request: Request | None = None) -> Iterator[Answer]:
    """The complete answers in what was received."""
    bytes_left = _Kept(received)
    while bytes_left.tell() < len(received):
        answer = HTTPResponse(bytes_left)  # type: ignore[arg-type]
        try:
            answer.begin()
            body = answer.read()
        except (HTTPException, ValueError):
            return
        headers = {name.lower(): value for name, value in answer.getheaders()}
        yield Answer(request or Request("RAW", "/"), answer.status, headers, body)
