"""The floor for HTTP: the same bytes and headers with nothing behind them, on the same waitress.

``-m benchmarks.floor_server THREADS answer.json`` answers every path as the file says
(``{"headers": {…}, "body": "…"}``) from a bare Falcon resource; ``… THREADS --file PATH`` sends
the file by waitress's file wrapper from a bare WSGI app.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import falcon
from waitress.server import create_server

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Same:
    """Answers every call alike."""

    def __init__(self, headers: dict[str, str], body: str) -> None:
        self._headers, self._body = headers, body.encode("utf-8")

    def __call__(self, req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        """The answer."""
        for name, value in self._headers.items():
            resp.set_header(name, value)
        resp.data = self._body


def saying(answer: Path) -> Application:
    """A bare Falcon app."""
    told = json.loads(answer.read_text("utf-8"))
    app = falcon.App()
    app.add_sink(Same(told["headers"], told["body"]), "/")
    return app


def sending(path: Path) -> Application:
    """A bare WSGI app that sends one file."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = str(path.stat().st_size)
        start_response("200 OK", [("Content-Length", length)])
        sent: Iterable[bytes] = environ["wsgi.file_wrapper"](path.open("rb"), 2**16)
        return sent

    return app


def main(threads: str, *what: str) -> None:
    """Serve until ended."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    app = sending(Path(what[1])) if what[0] == "--file" else saying(Path(what[0]))
    server: Any = create_server(
        app, host="127.0.0.1", port=0, threads=int(threads), connection_limit=1_000
    )
    print(f"Serving on http://127.0.0.1:{server.effective_port}", flush=True)
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
