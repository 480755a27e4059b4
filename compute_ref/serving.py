"""Serving the application with waitress, and ending in good order."""

from __future__ import annotations

import json
import logging
import signal
import socket
import time
from types import FrameType
from typing import Any, Final

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import ErrorTask

from compute_ref.app import ComputeRef
from compute_ref.settings import Settings

PATIENCE: Final = 4.0  # seconds that open requests may take after SIGTERM
SPARE_BODY: Final = 2**16  # bytes beyond max_body that our own answer can still refuse


class JsonErrorTask(ErrorTask):
    """Errors that waitress itself finds in a request, in the shape of all our errors."""

    def execute(self) -> None:
        """Write the error as JSON and end the connection."""
        error: Any = self.request.error  # type: ignore[attr-defined]
        body = json.dumps({"error": f"{error.reason}: the request could not be read."}).encode()
        self.status = f"{error.code} {error.reason}"
        self.response_headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        self.close_on_finish = True
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):
    """A connection whose errors are JSON."""

    error_task_class = JsonErrorTask


class Listener:
    """A server that accepts connections from its making on; `run` it until `stop` or a signal."""

    def __init__(self, app: ComputeRef, settings: Settings) -> None:
        server = settings.server
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._map: dict[int, Any] = {}
        family = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((server.host, server.port), family=family)
        made: Any = create_server(
            app,
            map=self._map,
            sockets=[listening],
            threads=server.threads,
            connection_limit=server.connection_limit,
            max_request_body_size=server.max_body + SPARE_BODY,
            ident="compute-ref",
            clear_untrusted_proxy_headers=False,
        )
        made.channel_class = Channel
        self._server = made
        self._stopping = False

    @property
    def url(self) -> str:
        """Where the server is reached on this machine."""
        host, port = self._server.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def stop(self) -> None:
        """Let `run` end; from any thread or signal handler."""
        self._stopping = True
        self._server.pull_trigger()

    def run(self) -> None:
        """Serve until stopped, then let open requests finish for a while, then cut them."""
        while not self._stopping:
            wasyncore.loop(timeout=30, map=self._map, count=1, use_poll=True)
        self._server.del_channel(self._map)
        self._server.socket.close()
        until = time.monotonic() + PATIENCE
        while self._busy() and time.monotonic() < until:
            wasyncore.loop(timeout=0.05, map=self._map, count=1, use_poll=True)
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=0.5)
        wasyncore.close_all(self._map)

    def _busy(self) -> bool:
        channels = [one for one in self._map.values() if isinstance(one, Channel)]
        return any(one.requests or one.total_outbufs_len for one in channels)


def serve(app: ComputeRef, settings: Settings) -> int:
    """Serve in this process until SIGTERM or SIGINT; returns the exit code."""
    listener = Listener(app, settings)

    def end(number: int, frame: FrameType | None) -> None:
        listener.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    print(f"Serving on {listener.url}", flush=True)
    listener.run()
    app.close()
    return 0
