"""A server on this machine that algorithms may or may not reach."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Listening:
    """Where it listens, and the paths that were asked of it."""

    url: str
    came: list[str] = field(default_factory=list)


@contextmanager
def listening(address: str) -> Iterator[Listening]:
    """Listen on a free port of `address`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers any GET with nothing."""

        def do_GET(self) -> None:
            """Take note of the path."""
            listens.came.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer((address, 0), Handler)
    listens = Listening(f"http://{address}:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield listens
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
