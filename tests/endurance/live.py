"""A real server process, started as a user would start it, killed as a power cut would."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from compute_ref.identity.keys import Account

DATASET = "did:op:" + "1" * 64
SERVER = Path(__file__).parent / "server.py"

DDO: Mapping[str, Any] = {
    "@context": ["https://w3id.org/did/v1"],
    "id": DATASET,
    "version": "4.1.0",
    "chainId": 8996,
    "nftAddress": "0x" + "0" * 40,
    "metadata": {
        "created": "2024-01-01T00:00:00Z",
        "updated": "2024-01-01T00:00:00Z",
        "type": "dataset",
        "name": "numbers",
        "description": "numbers",
        "author": "nobody",
        "license": "CC0-1.0",
    },
    "services": [
        {
            "id": "compute",
            "type": "compute",
            "files": [{"type": "file", "path": "numbers.txt"}],
            "datatokenAddress": "0x" + "0" * 40,
            "timeout": 0,
            "compute": {
                "allowRawAlgorithm": True,
                "allowNetworkAccess": False,
                "publisherTrustedAlgorithms": [],
                "publisherTrustedAlgorithmPublishers": [],
            },
        }
    ],
}

CONFIGURATION = """
[server]
port = 0
data_dir = "data"
threads = 12
[catalogue]
path = "assets"
[queue]
max_queued = 100000
max_queued_per_owner = 100000
[[environments]]
id = "local"
backend = "local"
maxJobs = 3
maxJobDuration = 60
ramGB = 1
diskGB = 1
"""


def prepare(folder: Path) -> Path:
    """A configuration and a catalogue of one dataset in `folder`; returns the configuration."""
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "numbers.json").write_text(json.dumps(DDO))
    (folder / "assets" / "numbers.txt").write_text("1 2 3\n")
    configuration = folder / "compute-ref.toml"
    configuration.write_text(CONFIGURATION)
    return configuration


@dataclass
class Live:
    """One server process on a free port; `plugin` is one of server.py's with its argument."""

    configuration: Path
    plugin: tuple[str, ...] = ()
    process: subprocess.Popen[str] = field(init=False)
    netloc: str = field(init=False)

    def __post_init__(self) -> None:
        log = (self.configuration.parent / "server.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, str(SERVER), str(self.configuration), *self.plugin],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Serving on http://"), line or self.log()
        self.netloc = urlsplit(line.split()[-1]).netloc

    def log(self) -> str:
        return (self.configuration.parent / "server.log").read_text()[-4000:]

    def kill(self) -> None:
        self.process.kill()
        self.join()

    def join(self) -> int:
        code = self.process.wait(timeout=60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.join()


@dataclass
class Reply:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    netloc: str, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None
) -> Reply:
    """One request on a connection of its own; raises OSError where the server is gone."""
    connection = http.client.HTTPConnection(netloc, timeout=60)
    try:
        target = path + ("?" + urlencode(query) if query else "")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, target, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        return Reply(answer.status, answer.read())
    except http.client.HTTPException as broken:
        raise ConnectionError(str(broken)) from broken
    finally:
        connection.close()


@dataclass
class Consumer:
    """An account that signs with nonces of its own counting."""

    account: Account = field(default_factory=Account.create)
    nonce: int = 1

    @property
    def address(self) -> str:
        return self.account.address

    def signed(self, *parts: str) -> dict[str, str]:
        self.nonce += 1
        text = "".join((self.address, *parts, str(self.nonce)))
        return {
            "consumerAddress": self.address,
            "nonce": str(self.nonce),
            "signature": self.account.sign(text),
        }

    def start(self, netloc: str, code: str, order: str) -> Reply:
        body = {
            **self.signed(DATASET),
            "environment": "local",
            "dataset": {"documentId": DATASET, "serviceId": "compute", "transferTxId": order},
            "algorithm": {
                "meta": {
                    "rawcode": code,
                    "container": {
                        "entrypoint": "sh $ALGO",
                        "image": "none",
                        "tag": "none",
                        "checksum": "sha256:" + "0" * 64,
                    },
                }
            },
        }
        return call(netloc, "POST", "/api/services/compute", body=body)

    def jobs(self, netloc: str, **query: str) -> list[dict[str, Any]]:
        answer = call(
            netloc, "GET", "/api/services/compute", {"consumerAddress": self.address, **query}
        )
        assert answer.status == 200, answer.body
        return list(answer.json)

    def change(self, netloc: str, method: str, job_id: str) -> Reply:
        query = {**self.signed(job_id), "jobId": job_id}
        return call(netloc, method, "/api/services/compute", query)

    def result(self, netloc: str, job_id: str, index: int) -> Reply:
        query = {**self.signed(job_id, str(index)), "jobId": job_id, "index": index}
        return call(netloc, "GET", "/api/services/computeResult", query)
