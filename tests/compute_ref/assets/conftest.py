"""A catalogue on disk, web servers on loopback, and an admission over both."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pluggy
import pytest

from compute_ref.assets.admission import Admission
from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.catalogue import Catalogue
from compute_ref.assets.fetching import Fetcher
from compute_ref.assets.plan import Order, Plan
from compute_ref.assets.requests import AlgorithmRequest, AssetRequest, StartRequest
from compute_ref.assets.web import GuardedClient, WebFiles
from compute_ref.plugins import OpenFile, WebClient, hookspecs
from compute_ref.settings import Environment, Trust

DATA = "did:op:" + "a" * 64
MORE = "did:op:" + "b" * 64
ALGO = "did:op:" + "c" * 64
ENTRYPOINT = "python3 $ALGO"
CONSUMER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
PUBLISHER = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"


def dataset(did: str = DATA, kind: str = "compute", **changes: Any) -> dict[str, Any]:
    """A DDO of one file, `changes` go into its compute section."""
    return {
        "id": did,
        "chainId": 8996,
        "metadata": {"type": "dataset", "name": "numbers"},
        "nft": {"owner": "0x" + "9" * 40},
        "services": [
            {
                "id": "use",
                "type": kind,
                "files": [{"type": "file", "path": "data/numbers.csv"}],
                "timeout": 3600,
                "compute": changes,
            }
        ],
    }


def algorithm(did: str = ALGO, **container: Any) -> dict[str, Any]:
    """A DDO of a published algorithm of one file."""
    return {
        "id": did,
        "chainId": 8996,
        "metadata": {
            "type": "algorithm",
            "algorithm": {"container": {"entrypoint": ENTRYPOINT, **container}},
        },
        "nft": {"owner": PUBLISHER},
        "services": [
            {"id": "code", "type": "access", "files": [{"type": "file", "path": "data/mean.py"}]}
        ],
    }


def asset(did: str = DATA, service: str = "use", order: str = "0xAB", **rest: Any) -> AssetRequest:
    return AssetRequest(did, service, order, **rest)


def published(did: str = ALGO, service: str = "code", order: str = "0xCD") -> AlgorithmRequest:
    return AlgorithmRequest(asset(did, service, order))


def raw(**meta: Any) -> AlgorithmRequest:
    code = {"rawcode": "print(1)", "container": {"entrypoint": ENTRYPOINT}}
    return AlgorithmRequest(meta={**code, **meta})


def start(
    *datasets: AssetRequest,
    algorithm: AlgorithmRequest | None = None,
    environment: str = "",
    output: dict[str, Any] | None = None,
) -> StartRequest:
    return StartRequest(environment, datasets or (asset(),), algorithm or published(), output)


class Orders:
    """Where orders are bound: those in `bound` are bound elsewhere."""

    def __init__(self) -> None:
        self.bound: set[str] = set()

    def order_refused(self, order: Order) -> bool:
        return order.transaction in self.bound


class World:
    """Everything around an admission; `write` puts a document into the catalogue."""

    DATA, MORE, ALGO, CONSUMER, PUBLISHER = DATA, MORE, ALGO, CONSUMER, PUBLISHER
    ENTRYPOINT = ENTRYPOINT
    dataset, algorithm = staticmethod(dataset), staticmethod(algorithm)
    asset, published = staticmethod(asset), staticmethod(published)
    raw, start = staticmethod(raw), staticmethod(start)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "numbers.csv").write_text("1\n2\n3\n")
        (folder / "data" / "mean.py").write_text("print(2)\n")
        self.plugins = pluggy.PluginManager("compute_ref")
        self.plugins.add_hookspecs(hookspecs)
        self.catalogue = Catalogue(folder)
        self.plugins.register(self.catalogue)
        self.plugins.register(WebFiles())
        self.fetcher = self.fetching()
        self.orders = Orders()
        self.environments = [Environment("local", "local")]
        self.trust = Trust()
        self.images = False

    def fetching(self, most_bytes: int = 10**6, **options: Any) -> Fetcher:
        web = GuardedClient(5, **{"allow_private": True, **options})
        return Fetcher(self.plugins.hook, web, most_bytes)

    def write(self, *documents: dict[str, Any]) -> None:
        for document in documents:
            path = self.folder / f"{document['id'][-8:]}.json"
            path.write_text(json.dumps(document))

    def admission(self) -> Admission:
        return Admission(
            self.environments,
            self.trust,
            self.plugins.hook,
            self.fetcher,
            self.orders,
            lambda _: self.images,
        )

    def admit(self, request: StartRequest, consumer: str = CONSUMER) -> Plan:
        return self.admission().admit(request, consumer)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "catalogue")


Page = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""
Asked = tuple[str, str, dict[str, str]]
"""Method, path, headers."""


class NoWeb:
    """A web client where nothing is to be fetched over the web."""

    def open(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> OpenFile:
        raise AssertionError("asked for a URL")

    def cancelled_by(self, cancel: Cancellation) -> WebClient:
        return self


class QuietServer(http.server.ThreadingHTTPServer):
    """Says nothing of clients that break off."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class DataServer:
    """A web server: `pages` by path; `seen` is what was asked.

    `names` are those that TLS clients asked for.
    """

    def __init__(self, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, Page] = {}
        self.seen: list[Asked] = []
        self.names: list[str | None] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append((self.command, self.path, dict(self.headers.items())))
                status, headers, body = outer.pages[self.path]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = QuietServer((address, 0), Handler)
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.address = address
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def page(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        self.pages[path] = (status, {k.replace("_", "-"): v for k, v in headers.items()}, body)
        return self.url(path)

    def url(self, path: str, host: str | None = None, scheme: str = "http") -> str:
        return f"{scheme}://{host or self.address}:{self.port}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


Serve = Callable[..., DataServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts data servers and ends them."""
    servers: list[DataServer] = []

    def begin(*args: Any, **options: Any) -> DataServer:
        servers.append(DataServer(*args, **options))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


Act = Callable[[socket.socket, threading.Event], None]


class Script:
    """A server that reads one request and then does as `act(connection, ended)` says."""

    def __init__(self, act: Act) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/data"
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(act,))
        self._thread.start()

    def _serve(self, act: Act) -> None:
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.recv(65_536)
                act(connection, self.ended)

    def close(self) -> None:
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


Scripted = Callable[[Act], str]


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    """Starts servers that misbehave and ends them; gives the URL of each."""
    scripts: list[Script] = []

    def begin(act: Act) -> str:
        scripts.append(Script(act))
        return scripts[-1].url

    yield begin
    for script in scripts:
        script.close()
