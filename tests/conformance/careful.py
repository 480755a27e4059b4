"""A tiny server of raw HTTP that reads requests with care; those who care less inherit from it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import ClassVar, Final

ENVIRONMENTS: Final = b'{"8996": [{"id": "one"}]}'
WORDS: Final = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error"}


class Broken(Exception):
    """What came is no request."""


class Careful(StreamRequestHandler):
    """Answers to each request of a connection, until one is broken."""

    most: ClassVar[int] = 65_536  #: bytes of a line

    def handle(self) -> None:
        """Read and answer."""
        try:
            while start := self.line():
                method, target = self.start(start)
                headers = dict(self.headers())
                body = self.body(headers)
                self.answer(*self.reply(method, target, body))
                if headers.get("connection", "").lower() == "close":
                    return
        except Broken:
            self.answer(400, b"{}")
        except ConnectionError:
            pass  # the client has seen enough

    def line(self) -> bytes:
        """The next line without its end; empty where there is none."""
        found = self.rfile.readline(self.most + 1)
        if len(found) > self.most:
            raise Broken
        return found.rstrip(b"\r\n")

    def start(self, line: bytes) -> tuple[str, str]:
        """Method and target."""
        found = re.fullmatch(rb"([A-Z]+) (/[!-~\x80-\xff]*) HTTP/1\.1", line)
        if not found:
            raise Broken
        return found[1].decode(), found[2].decode("latin-1")

    def headers(self) -> Iterator[tuple[str, str]]:
        """Each header, its name in lower case."""
        seen: set[str] = set()
        while line := self.line():
            name, value = self.header(line.decode("latin-1"))
            if name in seen and name == "content-length":
                raise Broken
            seen.add(name)
            yield name, value

    def header(self, line: str) -> tuple[str, str]:
        """Name and value."""
        name, _, value = line.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9-]+", name):
            raise Broken
        return name.lower(), value.strip()

    def body(self, headers: Mapping[str, str]) -> bytes:
        """What follows the headers."""
        if "transfer-encoding" in headers:
            if "content-length" in headers:
                raise Broken
            return b"".join(iter(self.chunk, b""))
        return self.rfile.read(self.length(headers.get("content-length", "0")))

    def length(self, text: str) -> int:
        """Of a body."""
        if not re.fullmatch("[0-9]+", text):
            raise Broken
        return int(text)

    def chunk(self) -> bytes:
        """The next one; empty for the last."""
        found = self.rfile.read(self.size(self.line()))
        self.line()
        return found

    def size(self, line: bytes) -> int:
        """Of a chunk."""
        try:
            return int(line, 16)
        except ValueError:
            raise Broken from None

    def reply(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if target.partition("?")[0] in {"/", "/api/services/computeEnvironments"}:
            return 200, ENVIRONMENTS
        return (400 if method == "POST" else 404), b"{}"

    def answer(self, status: int, body: bytes) -> None:
        """Send it."""
        head = f"HTTP/1.1 {status} {WORDS[status]}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode() + body)


@contextmanager
def serving(handler: type[Careful]) -> Iterator[str]:
    """The URL of a server of this kind."""
    with ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
