"""A live server to be measured, and a consumer who asks it as fast as can be."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from benchmarks.stored import Stored
from compute_ref.identity.keys import Account
from compute_ref.testing.kit import DATASET, sample_ddo

STEP = 0.005  # seconds between two questions for a job's state: each takes from the job
JOBS = "/api/services/compute"
THREADS = 8
EMPTY = {"rawcode": "#", "container": {"entrypoint": "true"}}  # code that does nothing
INSTANT = """
[queue]
max_queued = 100000
max_queued_per_owner = 100000
[[environments]]
id = "instant"
backend = "instant"
"""


class Server(NamedTuple):
    """A server that listens: host with port, and its process."""

    netloc: str
    pid: int


@contextmanager
def running(module: str, arguments: Sequence[str], folder: Path) -> Iterator[Server]:
    """A server that says ``Serving on URL`` first, as a process. It ends in the end."""
    with (
        (folder / "server.log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline().decode()
            assert first.startswith("Serving on "), (folder / "server.log").read_text()
            yield Server(urlsplit(first.split()[-1]).netloc, process.pid)
        finally:
            process.terminate()


def configured(folder: Path, configuration: str, **server: Any) -> Path:
    """A configuration with a catalogue of one dataset, below `folder`."""
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    (folder / "assets" / "sample.json").write_text(json.dumps(sample_ddo()))
    (folder / "assets" / "data.txt").write_text("1 2 3\n")
    keys = {"port": 0, "data_dir": "data", "threads": THREADS, **server}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
    path = folder / "compute-ref.toml"
    path.write_text(f'[server]\n{lines}\n[catalogue]\npath = "assets"\n{configuration}')
    return path


@contextmanager
def serving(folder: Path, configuration: str, **server: Any) -> Iterator[Server]:
    """A server of a configuration in a folder."""
    path = configured(folder, configuration, **server)
    with running("benchmarks.server", [str(path)], folder) as found:
        yield found


@contextmanager
def serving_folder(stored: Stored) -> Iterator[Server]:
    """A server over a data folder that is there."""
    around = stored.folder.parent / f"{stored.folder.name}-server"
    with serving(around, INSTANT, data_dir=str(stored.folder)) as found:
        yield found


def answer_of(netloc: str, target: str) -> tuple[dict[str, str], bytes]:
    """The headers and the body that a GET is answered with, but those that any server writes."""
    connection = http.client.HTTPConnection(netloc, timeout=60)
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200, body
    connection.close()
    common = {"content-length", "date", "server", "connection", "via"}
    return {k: v for k, v in answer.getheaders() if k.lower() not in common}, body


class Asker:
    """One consumer on one connection; nonces and orders are its own counting."""

    def __init__(self, netloc: str) -> None:
        self._connection = http.client.HTTPConnection(netloc, timeout=300)
        self._account = Account.create()
        self._nonce = 1

    def body(self, meta: Mapping[str, Any]) -> bytes:
        """A signed start of code of one's own."""
        self._nonce += 1
        body = {
            "consumerAddress": self._account.address,
            "nonce": self._nonce,
            "signature": self._account.sign(f"{self._account.address}{DATASET}{self._nonce}"),
            "dataset": {
                "documentId": DATASET,
                "serviceId": "compute",
                "transferTxId": f"{self._account.address}{self._nonce:08x}",
            },
            "algorithm": {"meta": meta},
        }
        return json.dumps(body).encode("ascii")

    def start(self, meta: Mapping[str, Any]) -> str:
        """Start a job; its id."""
        return str(self._ask("POST", JOBS, self.body(meta))[0]["jobId"])

    def stop(self, job_id: str) -> dict[str, Any]:
        """Stop a job; how it is then."""
        query = {**self._signed(job_id), "jobId": job_id}
        stopped: dict[str, Any] = self._ask("PUT", f"{JOBS}?{urlencode(query)}")[0]
        return stopped

    def delete(self, job_id: str) -> None:
        """Delete a job that has ended."""
        self._ask("DELETE", f"{JOBS}?{urlencode({**self._signed(job_id), 'jobId': job_id})}")

    def result(self, job_id: str, index: int) -> str:
        """The target of a download."""
        query = {**self._signed(job_id, str(index)), "jobId": job_id, "index": index}
        return f"/api/services/computeResult?{urlencode(query)}"

    def await_end(self, job_id: str, step: float = STEP) -> dict[str, Any]:
        """The job once it is final, asked for every `step` seconds."""
        return self.await_status(job_id, 70, step)

    def await_status(self, job_id: str, status: int, step: float = STEP) -> dict[str, Any]:
        """The job once it is so far, or final."""
        while True:
            job = self.job(job_id)
            if job["dateFinished"] is not None or job["status"] >= status:
                return job
            time.sleep(step)

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is now."""
        found: dict[str, Any] = self._ask("GET", f"{JOBS}?{urlencode({'jobId': job_id})}")[0]
        return found

    def _signed(self, *parts: str) -> dict[str, str]:
        self._nonce += 1
        text = "".join((self._account.address, *parts, str(self._nonce)))
        return {
            "consumerAddress": self._account.address,
            "nonce": str(self._nonce),
            "signature": self._account.sign(text),
        }

    def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"} if body else {}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return json.loads(content)
