"""A real server process, started as a user would start it, killed as a power cut would."""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from compute_ref.identity.keys import Account

T = TypeVar("T")

DATASET = "did:op:" + "1" * 64
COMPUTE = "/api/services/compute"
RESULT = "/api/services/computeResult"
SERVER = Path(__file__).parent / "server.py"
ROOT = SERVER.parents[2]
AS_USER = ROOT / "tests" / "backends" / "local" / "as_user.py"
PATIENCE = 90  # seconds of real time, after which a test gives up
STEP = 0.1  # seconds between two looks: a network poll needs a step

DDO: Mapping[str, Any] = {
    "@context": ["https://w3id.org/did/v1"],
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
}
SERVICE: Mapping[str, Any] = {
    "id": "compute",
    "type": "compute",
    "datatokenAddress": "0x" + "0" * 40,
    "timeout": 0,
    "compute": {
        "allowRawAlgorithm": True,
        "allowNetworkAccess": False,
        "publisherTrustedAlgorithms": [],
        "publisherTrustedAlgorithmPublishers": [],
    },
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
"""
ENVIRONMENT = """
[[environments]]
id = "local"
backend = "local"
maxJobs = 3
maxJobDuration = 60
ramGB = 1
diskGB = 1
"""


def prepare(folder: Path, more: str = ENVIRONMENT) -> Path:
    """A configuration and a catalogue of one dataset in `folder`; returns the configuration.

    `more` are its environments, and what else is to be in the configuration.
    """
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "numbers.txt").write_text("1 2 3\n")
    publish(folder / "assets", {"type": "file", "path": "numbers.txt"})
    configuration = folder / "compute-ref.toml"
    configuration.write_text(CONFIGURATION + more)
    return configuration


def publish(assets: Path, file: Mapping[str, Any], did: str = DATASET) -> None:
    """Put a dataset of one file object into a catalogue."""
    ddo = {**DDO, "id": did, "services": [{**SERVICE, "files": [file]}]}
    (assets / f"{did[-8:]}.json").write_text(json.dumps(ddo))


def begin(configuration: Path, *plugin: str, user: int | None = None) -> subprocess.Popen[str]:
    """A server process that has just begun, and logs to the folder of its configuration."""
    become = [] if user is None else as_user(user, configuration.parent)
    with (configuration.parent / "server.log").open("a") as log:
        return subprocess.Popen(
            [*become, sys.executable, str(SERVER), str(configuration), *plugin],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def as_user(user: int, folder: Path) -> list[str]:
    """What goes before a command that another user is to run, on a `folder` of its own."""
    needed = [sys.prefix, sys.base_prefix, str(ROOT), str(folder)]
    return [sys.executable, str(AS_USER), str(user), *needed, "--"]


@dataclass
class Live:
    """One server process on a free port; `plugin` is one of server.py's with its argument.

    It is its own user's, by number, where `user` is given.

    A ``with`` ends it well, unless the test has ended it before.
    """

    configuration: Path
    plugin: tuple[str, ...] = ()
    user: int | None = None
    process: subprocess.Popen[str] = field(init=False)
    netloc: str = field(init=False)

    def __post_init__(self) -> None:
        self.process = begin(self.configuration, *self.plugin, user=self.user)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Serving on http://"), line or self.log()
        self.netloc = urlsplit(line.split()[-1]).netloc

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            assert self.end() == 0, self.log()

    @property
    def jobs(self) -> Path:
        """Where the folders of jobs are."""
        return self.configuration.parent / "data" / "jobs"

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

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def call(
    netloc: str,
    method: str,
    path: str,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request on a connection of its own; raises OSError where the server is gone."""
    connection = http.client.HTTPConnection(netloc, timeout=60)
    try:
        target = path + ("?" + urlencode(query) if query else "")
        told = {"Content-Type": "application/json"} if body is not None else {}
        sent = json.dumps(body) if body is not None else None
        connection.request(method, target, sent, {**told, **(headers or {})})
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

    def start(self, netloc: str, code: str, order: str = "", **more: Any) -> Reply:
        """Ask for a job of raw code; an order that is not given is the consumer's own."""
        body = self.start_body(code, order or self.address, **more)
        return call(netloc, "POST", COMPUTE, body=body)

    def start_body(
        self,
        code: str,
        order: str,
        *,
        entrypoint: str = "sh $ALGO",
        dataset: str = DATASET,
        environment: str = "local",
        custom: Any = None,
    ) -> dict[str, Any]:
        """What asks for a job of raw code, with a fresh nonce."""
        return {
            **self.signed(dataset),
            "environment": environment,
            "dataset": {"documentId": dataset, "serviceId": "compute", "transferTxId": order},
            "algorithm": {
                "algocustomdata": custom,
                "meta": {
                    "rawcode": code,
                    "container": {
                        "entrypoint": entrypoint,
                        "image": "none",
                        "tag": "none",
                        "checksum": "sha256:" + "0" * 64,
                    },
                },
            },
        }

    def started(self, netloc: str, code: str, **more: Any) -> str:
        """The id of a job that was accepted."""
        answer = self.start(netloc, code, **more)
        assert answer.status == 200, answer.body
        (job,) = answer.json
        assert job["status"] == 1
        return str(job["jobId"])

    def jobs(self, netloc: str, **query: str) -> list[dict[str, Any]]:
        answer = call(netloc, "GET", COMPUTE, {"consumerAddress": self.address, **query})
        assert answer.status == 200, answer.body
        return list(answer.json)

    def job(self, netloc: str, job_id: str) -> dict[str, Any]:
        """One job as its owner sees it."""
        answer = call(netloc, "GET", COMPUTE, {**self.signed(job_id), "jobId": job_id})
        assert answer.status == 200, answer.body
        (job,) = answer.json
        return dict(job)

    def change(self, netloc: str, method: str, job_id: str = "") -> Reply:
        """Stop (PUT) or DELETE a job; PUT without one stops all."""
        query = {**self.signed(job_id), "jobId": job_id}
        return call(netloc, method, COMPUTE, query)

    def result_query(self, job_id: str, index: int) -> dict[str, Any]:
        """What asks for a result, with a fresh nonce."""
        return {**self.signed(job_id, str(index)), "jobId": job_id, "index": index}

    def result(self, netloc: str, job_id: str, index: int, **headers: str) -> Reply:
        return call(netloc, "GET", RESULT, self.result_query(job_id, index), None, headers)


def awaited(look: Callable[[], T | None], server: Live) -> T:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < deadline, server.log()
        threading.Event().wait(STEP)
    return found


def final_jobs(consumer: Consumer, server: Live, count: int) -> list[dict[str, Any]]:
    """The consumer's jobs once all `count` of them are final."""

    def look() -> list[dict[str, Any]] | None:
        jobs = consumer.jobs(server.netloc)
        return jobs if len(jobs) == count and all(job["dateFinished"] for job in jobs) else None

    return awaited(look, server)


def final_job(consumer: Consumer, server: Live, job_id: str) -> dict[str, Any]:
    """A job as its owner sees it, once it is final."""

    def look() -> dict[str, Any] | None:
        (job,) = consumer.jobs(server.netloc, jobId=job_id)
        return consumer.job(server.netloc, job_id) if job["dateFinished"] else None

    return awaited(look, server)


def await_status(consumer: Consumer, server: Live, job_id: str, status: int) -> None:
    """Return once the job shows exactly `status`."""

    def look() -> bool | None:
        (job,) = consumer.jobs(server.netloc, jobId=job_id)
        return job["status"] == status or None

    awaited(look, server)


def processes_of(job_id: str) -> list[int]:
    """Living processes that were told of a folder of the job, or see one in their mounts."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            told = _read(entry / "environ") + _read(entry / "mountinfo")
            if job_id.encode() in told:
                found.append(int(entry.name))
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
