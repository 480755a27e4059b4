"""A live server to be measured, and a consumer who asks it as fast as can be."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from compute_ref.identity.keys import Account
from compute_ref.testing.kit import DATASET, sample_ddo

STEP = 0.002  # seconds between two questions for a job's state
JOBS = "/api/services/compute"


@contextmanager
def serving(folder: Path, configuration: str) -> Iterator[str]:
    """A server of a configuration, with a catalogue of one dataset, below `folder`; its host."""
    (folder / "assets").mkdir(parents=True)
    (folder / "assets" / "sample.json").write_text(json.dumps(sample_ddo()))
    (folder / "assets" / "data.txt").write_text("1 2 3\n")
    (folder / "compute-ref.toml").write_text(
        f'[server]\nport = 0\ndata_dir = "data"\n[catalogue]\npath = "assets"\n{configuration}'
    )
    command = [sys.executable, "-m", "compute_ref", "serve", "--config"]
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen(
            [*command, str(folder / "compute-ref.toml")], stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            assert process.stdout is not None
            first = process.stdout.readline().decode()
            assert first.startswith("Serving on "), (folder / "server.log").read_text()
            yield urlsplit(first.split()[-1]).netloc
        finally:
            process.terminate()


class Asker:
    """One consumer on one connection; nonces and orders are its own counting."""

    def __init__(self, netloc: str) -> None:
        self._connection = http.client.HTTPConnection(netloc, timeout=300)
        self._account = Account.create()
        self._nonce = 1

    def start(self, meta: Mapping[str, Any]) -> str:
        """Start a job of code of one's own; its id."""
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
        return str(self._ask("POST", JOBS, json.dumps(body))[0]["jobId"])

    def await_end(self, job_id: str) -> dict[str, Any]:
        """The job once it is final."""
        while True:
            job = self.job(job_id)
            if job["dateFinished"] is not None:
                return job
            time.sleep(STEP)

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is now."""
        found: dict[str, Any] = self._ask("GET", f"{JOBS}?{urlencode({'jobId': job_id})}")[0]
        return found

    def _ask(self, method: str, path: str, body: str | None = None) -> Any:
        headers = {"Content-Type": "application/json"} if body else {}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        return json.loads(content)
