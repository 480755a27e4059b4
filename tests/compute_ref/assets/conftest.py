"""A catalogue on disk, web servers on loopback, and an admission over both."""

import contextlib
import http.server
import json
import socket
import threading

import pluggy
import pytest

from compute_ref.assets.admission import Admission
from compute_ref.assets.catalogue import Catalogue
from compute_ref.assets.fetching import Fetcher
from compute_ref.assets.requests import AlgorithmRequest, AssetRequest, StartRequest
from compute_ref.assets.web import GuardedClient, WebFiles
from compute_ref.plugins import hookspecs
from compute_ref.settings import Environment, Trust

DATA = "did:op:" + "a" * 64
MORE = "did:op:" + "b" * 64
ALGO = "did:op:" + "c" * 64
ENTRYPOINT = "python3 $ALGO"
CONSUMER = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
PUBLISHER = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"


def dataset(did=DATA, kind="compute", **changes):
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


def algorithm(did=ALGO, **container):
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


def asset(did=DATA, service="use", order="0xAB", **rest):
    return AssetRequest(did, service, order, **rest)


def published(did=ALGO, service="code", order="0xCD"):
    return AlgorithmRequest(asset(did, service, order))


def raw(**meta):
    code = {"rawcode": "print(1)", "container": {"entrypoint": ENTRYPOINT}}
    return AlgorithmRequest(meta={**code, **meta})


def start(*datasets, algorithm=None, environment="", output=None):
    return StartRequest(environment, datasets or (asset(),), algorithm or published(), output)


class Orders:
    """Where orders are bound: those in `bound` are bound elsewhere."""

    def __init__(self):
        self.bound = set()

    def order_refused(self, order):
        return order.transaction in self.bound


class World:
    """Everything around an admission; `write` puts a document into the catalogue."""

    DATA, MORE, ALGO, CONSUMER, PUBLISHER = DATA, MORE, ALGO, CONSUMER, PUBLISHER
    ENTRYPOINT = ENTRYPOINT
    dataset, algorithm = staticmethod(dataset), staticmethod(algorithm)
    asset, published, raw, start = map(staticmethod, (asset, published, raw, start))

    def __init__(self, folder):
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

    def fetching(self, most_bytes=10**6, **options):
        web = GuardedClient(5, **{"allow_private": True, **options})
        return Fetcher(self.plugins.hook, web, most_bytes)

    def write(self, *documents):
        for document in documents:
            path = self.folder / f"{document['id'][-8:]}.json"
            path.write_text(json.dumps(document))

    def admission(self):
        return Admission(
            self.environments,
            self.trust,
            self.plugins.hook,
            self.fetcher,
            self.orders,
            lambda _: self.images,
        )

    def admit(self, request, consumer=CONSUMER):
        return self.admission().admit(request, consumer)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "catalogue")


class DataServer:
    """A web server: `pages` by path are (status, headers, body); `seen` is what was asked."""

    def __init__(self, address="127.0.0.1", tls=None):
        self.pages, self.seen = {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
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

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self._server.handle_error = lambda *_: None
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        self.address = address
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def page(self, path, body=b"", status=200, **headers):
        self.pages[path] = (status, {k.replace("_", "-"): v for k, v in headers.items()}, body)
        return self.url(path)

    def url(self, path, host=None, scheme="http"):
        return f"{scheme}://{host or self.address}:{self.port}{path}"

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def serve():
    """Starts data servers and ends them."""
    servers = []

    def begin(*args, **options):
        servers.append(DataServer(*args, **options))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


class Script:
    """A server that reads one request and then does as `act(connection, ended)` says."""

    def __init__(self, act):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/data"
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(act,))
        self._thread.start()

    def _serve(self, act):
        with contextlib.suppress(OSError):
            connection, _ = self._listener.accept()
            with connection:
                connection.recv(65_536)
                act(connection, self.ended)

    def close(self):
        self.ended.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def scripted():
    """Starts servers that misbehave and ends them."""
    scripts = []

    def begin(act):
        scripts.append(Script(act))
        return scripts[-1].url

    yield begin
    for script in scripts:
        script.close()
