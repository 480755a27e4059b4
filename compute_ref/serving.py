"""Serving the application with waitress, and ending in good order."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from waitress import wasyncore
from waitress.server import create_server

from compute_ref.channels import Channel
from compute_ref.refusals import NO_FILES
from compute_ref.settings import Server, Settings

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

logger = logging.getLogger("compute_ref")

PATIENCE: Final = 4.0  # seconds that open requests may take after SIGTERM
LAST_MOMENT: Final = 4.8  # seconds after SIGTERM at which the process ends, whatever hangs
ANY_ORIGIN: Final = [("Access-Control-Allow-Origin", "*")]
SPARE_BODY: Final = 2**16  # bytes beyond max_body that our own answer can still refuse


class CannotListen(Exception):
    """Host and port cannot be listened on; says which and what to do."""


def listen(server: Server) -> socket.socket:
    """A socket that listens on the configured host and port, or CannotListen."""
    try:
        family = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((server.host, server.port), family=family)
    except (OSError, UnicodeError) as failed:
        why = getattr(failed, "strerror", None) or failed
        raise CannotListen(
            f"server.host {server.host}, server.port {server.port}: cannot listen there ({why});"
            " choose others with --host and --port, or in the configuration"
        ) from failed


class Door:
    """Accepts connections, and turns callers away while the process may open no more files.

    Else they would wait unheard, and the server would spin, told of them again and again. A spare
    descriptor is what it takes to accept one of them and let go of it.
    """

    def __init__(self, accept: Callable[[], Any]) -> None:
        self._accept = accept
        self._spare: int | None = None
        self._shut = False
        self._spare_one()

    def accept(self) -> Any:
        """The next connection with its address, or None."""
        try:
            accepted = self._accept()
        except OSError as failed:
            if failed.errno not in NO_FILES:
                raise
            self._turn_away()
            return None
        self._shut = False
        return accepted

    def _turn_away(self) -> None:
        if not self._shut:
            logger.error("connections are refused: no more files can be opened (ulimit -n)")
            self._shut = True
        if self._spare is not None:
            os.close(self._spare)
            self._spare = None
        with suppress(OSError):  # another thread was quicker to take it
            if accepted := self._accept():
                accepted[0].close()
            self._spare_one()

    def _spare_one(self) -> None:
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


class Listener:
    """A server that accepts connections from its making on; `run` it until `stop` or a signal.

    `listening` is a socket from `listen`, made from the settings where it is left out.
    """

    def __init__(
        self, app: Application, settings: Settings, listening: socket.socket | None = None
    ) -> None:
        server = settings.server
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self._map: dict[int, Any] = {}
        made: Any = create_server(
            app,
            map=self._map,
            sockets=[listening or listen(server)],
            threads=server.threads,
            connection_limit=server.connection_limit,
            max_request_body_size=server.max_body + SPARE_BODY,
            ident="compute-ref",
            clear_untrusted_proxy_headers=False,
        )
        made.channel_class = Channel
        made.accept = Door(made.accept).accept
        made.error_headers = ANY_ORIGIN if "*" in server.cors_origins else []
        self._server = made
        self._stopping = False
        self._closed = False
        self._closing = threading.RLock()  # a signal may come to the thread that holds it
        self._heeding = False

    @property
    def url(self) -> str:
        """Where the server is reached on this machine."""
        host, port = self._server.socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def heed_signals(self) -> None:
        """Let a signal wake `run`, in the main thread, whichever thread it comes to.

        Handlers wait for the main thread. A signal that comes to another one, or just before the
        wait begins, interrupts nothing: it would be heard at the next event only.
        """
        pull = self._server.trigger.trigger
        os.set_blocking(pull, False)
        signal.set_wakeup_fd(pull, warn_on_full_buffer=False)
        self._heeding = True

    def stop(self) -> None:
        """Let `run` end; from any thread or signal handler, also once it has ended."""
        self._stopping = True
        with self._closing:
            if not self._closed:
                self._server.pull_trigger()

    def run(self) -> None:
        """Serve until stopped, then let open requests finish for a while, then cut them."""
        while not self._stopping:
            self._turn(30)
        self._turn(0)  # what has come already is an open request, too
        self._server.del_channel(self._map)
        self._server.socket.close()
        until = time.monotonic() + PATIENCE
        while any(one.busy for one in self._channels()) and time.monotonic() < until:
            self._turn(until - time.monotonic())
        self._cut()

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=max(0, seconds), map=self._map, count=1, use_poll=True)

    def _cut(self) -> None:
        for channel in self._channels():
            channel.cut()  # wakes a thread that waits for its client to read on
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=0.5)
        if self._heeding:
            signal.set_wakeup_fd(-1)
        with self._closing:
            self._closed = True
            wasyncore.close_all(self._map)

    def _channels(self) -> list[Channel]:
        return [one for one in self._map.values() if isinstance(one, Channel)]


def serve(app: Any, settings: Settings, listening: socket.socket | None = None) -> int:
    """Serve in this process until SIGTERM or SIGINT, then close `app`; returns the exit code.

    The process ends within five seconds of the signal, by force where something hangs: what the
    store acknowledged is safe at any time.
    """
    listener = Listener(app, settings, listening)
    last_moment = threading.Timer(LAST_MOMENT, os._exit, (0,))
    last_moment.daemon = True
    first = threading.Lock()  # a signal may come while another one is handled

    def end(number: int, frame: FrameType | None) -> None:
        if first.acquire(blocking=False):
            last_moment.start()
        listener.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    listener.heed_signals()
    gc.freeze()  # what is there now stays: no answer shall wait while it is searched for garbage
    print(f"Serving on {listener.url}", flush=True)
    listener.run()
    app.close()
    last_moment.cancel()
    return 0
