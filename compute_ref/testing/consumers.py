"""A consumer in a test: an account that signs its calls and counts its nonces."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
        dataset = {
            "documentId": self.dataset,
            "serviceId": "compute",
            "transferTxId": f"0x{self.address[2:].lower()}{next(self.orders):x}",
        }
        body = {
            **self.signed(self.dataset),
            "dataset": dataset,
            "algorithm": {"meta": {"rawcode": code, "container": {"entrypoint": "sh $ALGO"}}},
            **changed,
        }
        return self.web.post_json(COMPUTE, body, expect_errors=True)

    def jobs(self, **query: Any) -> list[dict[str, Any]]:
        """This consumer's jobs, unsigned."""
        found: list[dict[str, Any]] = self.web.get(
            COMPUTE, {"consumerAddress": self.address, **query}
        ).json
        return found

    def stop(self, job_id: str) -> TestResponse:
        """PUT with jobId."""
        query = {**self.signed(job_id), "jobId": job_id}
        return self.web.put(f"{COMPUTE}?{_joined(query)}", expect_errors=True)

    def delete(self, job_id: str) -> TestResponse:
        """DELETE with jobId."""
        query = {**self.signed(job_id), "jobId": job_id}
        return self.web.delete(f"{COMPUTE}?{_joined(query)}", expect_errors=True)

    def result(self, job_id: str, index: int = 0, **headers: str) -> TestResponse:
        """One file."""
        query = {**self.signed(job_id, str(index)), "jobId": job_id, "index": index}
        return self.web.get(RESULT, query, headers=headers, expect_errors=True)


def _joined(query: Mapping[str, Any]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items())
