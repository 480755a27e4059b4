"""Clients that ask as fast as answers come, on kept connections, and how long each answer took.

One thread and a selector serve them all, so that the generator costs the machine little beside
the server that is measured on it.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import statistics
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"


@dataclass(frozen=True)
class Load:
    """What came back: answers, the seconds they took altogether, and each one's own."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def median(self) -> float:
        """Seconds until an answer."""
        return statistics.median(self.latencies)

    @property
    def p99(self) -> float:
        """Seconds within which 99 of 100 answers came."""
        return statistics.quantiles(self.latencies, n=100)[98]


@dataclass
class Client:
    """One connection, with one request under way."""

    socket: socket.socket
    asked: float = 0
    got: bytearray = field(default_factory=bytearray)

    def ask(self, request: bytes) -> None:
        """Send a request, whole."""
        self.got.clear()
        self.asked = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> bool:
        """Read what there is; whether the answer has come. Anything but 200 is an error."""
        self.got += self.socket.recv(2**18)
        end = self.got.find(HEAD_END)
        if end < 0:
            return False
        head = bytes(self.got[:end]).lower()
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"not the answer to be measured: {bytes(self.got[:500])!r}")
        length = int(head.split(LENGTH, 1)[1].split(b"\r\n", 1)[0])
        return len(self.got) >= end + len(HEAD_END) + length


def load(netloc: str, requests: Iterable[bytes], clients: int, duration: float = 2) -> Load:
    """`clients` ask for `duration` seconds, or until `requests` come to an end."""
    host, port = netloc.rsplit(":", 1)
    with selectors.DefaultSelector() as selector:
        for _ in range(clients):
            connection = socket.create_connection((host, int(port)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(connection, selectors.EVENT_READ, Client(connection))
        try:
            return _asked(selector, iter(requests), duration)
        finally:
            for key in list(selector.get_map().values()):
                key.data.socket.close()


def _asked(selector: selectors.BaseSelector, requests: Iterator[bytes], duration: float) -> Load:
    latencies: list[float] = []
    waiting = [key.data for key in selector.get_map().values()]
    busy, since = 0, time.perf_counter()
    while True:
        if time.perf_counter() - since < duration:
            for client, request in zip(
                waiting, itertools.islice(requests, len(waiting)), strict=False
            ):
                client.ask(request)
                busy += 1
        if not busy:
            return Load(time.perf_counter() - since, latencies)
        waiting = [key.data for key, _ in selector.select() if key.data.answered()]
        now = time.perf_counter()
        latencies += [now - client.asked for client in waiting]
        busy -= len(waiting)


def get(netloc: str, target: str) -> bytes:
    """A GET on a connection that is kept."""
    return f"GET {target} HTTP/1.1\r\nHost: {netloc}\r\n\r\n".encode("ascii")


def post(netloc: str, target: str, body: bytes) -> bytes:
    """A POST of JSON on a connection that is kept."""
    head = (
        f"POST {target} HTTP/1.1\r\nHost: {netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body
