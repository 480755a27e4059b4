"""The server: one handler, one method for each call."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.conformance.stranger.identity import Nonces, Refused, invalid, missing, signer
from tests.conformance.stranger.jobs import Job

CHAIN = "8996"
DATASET = "did:op:" + "a" * 64
ENVIRONMENT = {
    "id": "stranger",
    "cpuNumber": "1",
    "cpuType": "",
    "gpuNumber": 0,
    "gpuType": "",
    "ramGB": "1",
    "diskGB": "1",
    "priceMin": 0,
    "desc": "",
    "currentJobs": 0,
    "maxJobs": 10,
    "consumerAddress": "0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69",
    "storageExpiry": 60,
    "maxJobDuration": "60",
    "lastSeen": "0",
    "feeToken": "0x0000000000000000000000000000000000000000",
}
SERVICES = "/api/services"
ENDPOINTS = {
    "computeStart": ["POST", f"{SERVICES}/compute"],
    "computeStop": ["PUT", f"{SERVICES}/compute"],
    "computeStatus": ["GET", f"{SERVICES}/compute"],
    "computeDelete": ["DELETE", f"{SERVICES}/compute"],
    "computeResult": ["GET", f"{SERVICES}/computeResult"],
    "computeEnvironments": ["GET", f"{SERVICES}/computeEnvironments"],
    "nonce": ["GET", f"{SERVICES}/nonce"],
}

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
    "Access-Control-Allow-Headers": "content-type, authtoken",
    "Access-Control-Expose-Headers": "Content-Disposition",
}


def sound_meta(algorithm: Any) -> Mapping[str, Any]:
    """The description of a raw algorithm, also where it is written as JSON text."""
    meta = algorithm.get("meta") if isinstance(algorithm, dict) else None
    try:
        meta = json.loads(meta) if isinstance(meta, str) else meta
    except ValueError:
        meta = None
    if not isinstance(meta, dict):
        raise Refused(400, {"error": {"algorithm": "missing_meta_documentId"}})
    if not (meta.get("url") or meta.get("rawcode")):
        raise Refused(400, {"error": {"algorithm": "meta_oneof_url_rawcode_remote"}})
    container = meta.get("container") or {}
    if not all(container.get(name) for name in ("entrypoint", "image", "checksum")):
        raise Refused(400, {"error": {"algorithm": "missing_entrypoint_image_checksum"}})
    if not str(container["checksum"]).startswith("sha256:"):
        raise Refused(400, {"error": {"algorithm": "checksum_prefix"}})
    return meta


class Stranger(ThreadingHTTPServer):
    """What all its threads share."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.nonces = Nonces()
        self.jobs: list[Job] = []
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Stranger

    def do_GET(self) -> None:
        self._answer(
            {
                "/": self._root,
                f"{SERVICES}/compute": self._status,
                f"{SERVICES}/computeResult": self._result,
                f"{SERVICES}/computeEnvironments": self._environments,
                f"{SERVICES}/nonce": self._nonce,
            }
        )

    def do_POST(self) -> None:
        self._answer({f"{SERVICES}/compute": self._start}, 201)

    def do_PUT(self) -> None:
        self._answer({f"{SERVICES}/compute": self._stop})

    def do_DELETE(self) -> None:
        self._answer({f"{SERVICES}/compute": self._delete})

    def do_OPTIONS(self) -> None:
        self._send(200, b"", "")

    # Calls

    def _root(self, told: Mapping[str, Any]) -> Any:
        return {
            "chainIds": [int(CHAIN)],
            "providerAddresses": {CHAIN: ENVIRONMENT["consumerAddress"]},
            "serviceEndpoints": ENDPOINTS,
            "software": "Stranger",
            "version": "0",
        }

    def _environments(self, told: Mapping[str, Any]) -> Any:
        return {CHAIN: [ENVIRONMENT]}

    def _nonce(self, told: Mapping[str, Any]) -> Any:
        if not told.get("userAddress"):
            raise missing("userAddress")
        return {"nonce": str(self.server.nonces.last(told["userAddress"]))}

    def _start(self, told: Mapping[str, Any]) -> Any:
        dataset, algorithm = told.get("dataset"), told.get("algorithm")
        if not isinstance(dataset, dict) or not dataset.get("documentId"):
            raise missing("dataset.documentId")
        for name in ("serviceId", "transferTxId"):
            if not dataset.get(name):
                raise missing(f"dataset.{name}")
        meta = sound_meta(algorithm)
        if dataset["documentId"] != DATASET:
            raise Refused(400, {"error": {"dataset.documentId": "did_not_found"}})
        if dataset["serviceId"] != "compute":
            raise Refused(400, {"error": {"dataset.serviceId": "not_found"}})
        if told.get("environment", "stranger") != "stranger":
            raise Refused(400, {"error": "Environment invalid or does not exist"})
        owner = self._signed(told, "jobId", document=dataset["documentId"])
        job = self._made(owner, dataset, meta)
        first = job.told()
        job.start()
        return [first]

    def _made(self, owner: str, dataset: Mapping[str, Any], meta: Mapping[str, Any]) -> Job:
        order = str(dataset["transferTxId"])
        with self.server.lock:
            if any(job.agreement == order and not job.finished for job in self.server.jobs):
                raise Refused(400, {"error": "`agreementId` already in use for other job."})
            folder = self.server.folder / uuid.uuid4().hex
            code = str(meta.get("rawcode", ""))
            job = Job(owner, dataset["documentId"], order, "stranger", folder, code)
            self.server.jobs.append(job)
        return job

    def _status(self, told: Mapping[str, Any]) -> Any:
        if not told.get("consumerAddress") and not told.get("jobId"):
            raise missing("consumerAddress")
        return [job.told() for job in self._found(told)]

    def _stop(self, told: Mapping[str, Any]) -> Any:
        self._signed(told, "jobId", "documentId")
        jobs = self._found(told)
        for job in jobs:
            job.stop()
        return [job.told() for job in jobs]

    def _delete(self, told: Mapping[str, Any]) -> Any:
        self._signed(told, "jobId", "documentId")
        for job in self._found(told):
            job.stop()
            with self.server.lock:
                self.server.jobs.remove(job)
        return ""

    def _result(self, told: Mapping[str, Any]) -> Any:
        for name in ("jobId", "index"):
            if name not in told:
                raise missing(name)
        self._signed(told, "jobId", "index")
        for job in self._found(told):
            try:
                index = int(told["index"])
            except ValueError:
                raise Refused(400, {"error": "Error getResult"}) from None
            if job.finished and 0 <= index < len(job.results):
                return job.path(index)
        raise Refused(404, {"error": "No results for this job"})

    # What they share

    def _found(self, told: Mapping[str, Any]) -> list[Job]:
        address, name = str(told.get("consumerAddress", "")).lower(), told.get("jobId")
        with self.server.lock:
            return [
                job
                for job in reversed(self.server.jobs)
                if (not address or job.owner.lower() == address) and name in {None, "", job.id}
            ]

    def _signed(self, told: Mapping[str, Any], *parts: str, document: str = "") -> str:
        absent = [one for one in ("consumerAddress", "nonce", "signature") if not told.get(one)]
        if absent:
            raise missing(*absent)
        address, nonce = str(told["consumerAddress"]), str(told["nonce"])
        said = "".join(str(told.get(part) or "") for part in parts)
        if signer(f"{address}{said}{document}{nonce}", str(told["signature"])) != address.lower():
            raise invalid("Invalid signature for this address.")
        self.server.nonces.spend(address, nonce)
        return address

    def _told(self) -> Mapping[str, Any]:
        query = dict(parse_qsl(urlsplit(self.path).query))
        if query or self.command == "GET":
            return query
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            told = json.loads(content or b"{}", parse_float=Decimal)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def _answer(self, calls: Mapping[str, Any], status: int = 200) -> None:
        call = calls.get(urlsplit(self.path).path)
        try:
            if call is None:
                raise Refused(404, {"error": "no such path"})
            body = call(self._told())
        except Refused as refused:
            status, body = refused.status, refused.body
        if isinstance(body, Path):
            self._send(200, body.read_bytes(), f"attachment;filename={body.name}")
        else:
            self._send(status, json.dumps(body).encode(), "")

    def _send(self, status: int, content: bytes, disposition: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in CORS.items():
            self.send_header(name, value)
        if disposition:
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Disposition", disposition)
        else:
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def stranger(folder: Path) -> Iterator[str]:
    """A live one on a free port; gives its URL, and ends its algorithms."""
    with Stranger(folder) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="stranger")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            for job in server.jobs:
                job.stop()
