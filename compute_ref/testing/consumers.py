"""A consumer in a test: an account that signs its calls and counts its nonces."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from webtest import TestApp, TestResponse

from compute_ref.identity.keys import Account

COMPUTE = "/api/services/compute"
RESULT = "/api/services/computeResult"


@dataclass
class Consumer:
    """Signed calls on a server; every answer is WebTest's, whatever its status."""

    web: TestApp
    dataset: str
    account: Account = field(default_factory=Account.create)
    nonces: Any = field(default_factory=lambda: itertools.count(1))
    orders: Any = field(default_factory=lambda: itertools.count(1))

    @property
    def address(self) -> str:
        """The account's address."""
        return self.account.address

    def signed(self, *parts: str, nonce: str = "") -> dict[str, str]:
        """consumerAddress, nonce and a signature over them with `parts` between."""
        nonce = nonce or str(next(self.nonces))
        text = "".join((self.address, *parts, nonce))
        return {
            "consumerAddress": self.address,
            "nonce": nonce,
            "signature": self.account.sign(text),
        }

    def start(self, code: str = "instant: write answer.txt 42", **changed: Any) -> TestResponse:
        """Start raw code on the catalogue's dataset; `changed` replaces parts of the body."""
        return self.web.post_json(COMPUTE, self.order(code, **changed), expect_errors=True)

    def order(self, code: str = "instant: write answer.txt 42", **changed: Any) -> dict[str, Any]:
        """The body of a start."""
        dataset = {
            "documentId": self.dataset,
            "serviceId": "compute",
            "transferTxId": f"0x{self.address[2:].lower()}{next(self.orders):x}",
        }
        return {
            **self.signed(self.dataset),
            "dataset": dataset,
            "algorithm": {"meta": {"rawcode": code, "container": {"entrypoint": "sh $ALGO"}}},
            **changed,
        }

    def jobs(self, **query: Any) -> list[dict[str, Any]]:
        """This consumer's jobs, unsigned."""
        found: list[dict[str, Any]] = self.web.get(
            COMPUTE, {"consumerAddress": self.address, **query}
        ).json
        return found

    def restart(self, job_id: str, **changed: Any) -> TestResponse:
        """POST with jobId and nothing else, unless `changed` adds to it."""
        document_id = changed.get("dataset", {}).get("documentId", "")
        body = {**self.signed(job_id, document_id), "jobId": job_id, **changed}
        return self.web.post_json(COMPUTE, body, expect_errors=True)

    def status(self, job_id: str) -> TestResponse:
        """GET with jobId, signed: the view that only the owner has."""
        query = {**self.signed(job_id), "jobId": job_id}
        return self.web.get(COMPUTE, query, expect_errors=True)

    def stop(self, job_id: str = "", document_id: str = "") -> TestResponse:
        """PUT."""
        return self.web.put(self._meaning(job_id, document_id), expect_errors=True)

    def delete(self, job_id: str = "", document_id: str = "") -> TestResponse:
        """DELETE."""
        return self.web.delete(self._meaning(job_id, document_id), expect_errors=True)

    def token(self, expiration: int) -> str:
        """An AuthToken until that Unix time."""
        signed = self.signed()
        query = {**signed, "address": self.address, "expiration": expiration}
        return str(self.web.get("/api/services/createAuthToken", query).json["token"])

    def result(self, job_id: str, index: int = 0, **headers: str) -> TestResponse:
        """One file."""
        query = {**self.signed(job_id, str(index)), "jobId": job_id, "index": index}
        return self.web.get(RESULT, query, headers=headers, expect_errors=True)

    def _meaning(self, job_id: str, document_id: str) -> str:
        query = {**self.signed(job_id, document_id), "jobId": job_id, "documentId": document_id}
        return f"{COMPUTE}?{urlencode(query)}"
