"""A consumer of the target: an account that signs what it asks."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from compute_conformance.exchanges import Answer, Request
from compute_conformance.profile import Profile
from compute_conformance.signing import Account

SERVICES: Final = "/api/services"
COMPUTE: Final = f"{SERVICES}/compute"
RESULT: Final = f"{SERVICES}/computeResult"
ENVIRONMENTS: Final = f"{SERVICES}/computeEnvironments"
FIRST: Final = 2  # a target answers 1 as the last nonce of an address that it never saw

Send = Callable[[Request], Answer]


class Consumer:
    """Makes signed requests, and sends them by `send`. Each request takes the next nonce.

    `turn` is held from the signing of a request until it is answered, so that nonces arrive as
    they were taken; a check that shares its consumer holds it as long as its own nonces matter.
    """

    def __init__(self, account: Account, profile: Profile, send: Send) -> None:
        self.account, self.profile, self.send = account, profile, send
        self.address = account.address
        self.turn = threading.RLock()
        self._last = [FIRST - 1]

    def by(self, send: Send) -> Consumer:
        """The same consumer, nonces and all, whose calls are sent by `send`."""
        other = copy.copy(self)
        other.send = send
        return other

    @property
    def nonce(self) -> int:
        """The last one that was taken."""
        return self._last[0]

    @nonce.setter
    def nonce(self, last: int) -> None:
        """Say which one was the last."""
        self._last[0] = last

    def owns(self, job: Mapping[str, Any]) -> bool:
        """Whether a status object says that the job is this consumer's."""
        return str(job.get("owner")).lower() == self.address.lower()

    def next_nonce(self) -> str:
        """One above the last."""
        self.nonce += 1
        return str(self.nonce)

    def signed(self, *parts: object, nonce: object = None) -> dict[str, str]:
        """``nonce`` and ``signature`` over the parts and the nonce; None takes the next.

        The next one is above each that was given.
        """
        told = self.next_nonce() if nonce is None else str(nonce)
        with suppress(ValueError, OverflowError):
            self.nonce = max(self.nonce, int(float(told)))
        message = "".join(str(part) for part in parts if part is not None) + told
        return {"nonce": told, "signature": self.account.sign(message)}

    # Requests

    def start_request(
        self,
        algorithm: Mapping[str, Any] | None = None,
        dataset: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Request:
        """An ordinary start, signed after the changes; a change to None leaves the field out."""
        body: dict[str, Any] = {
            "consumerAddress": self.address,
            "environment": self.profile.environment or None,
            "dataset": self.profile.dataset("open") if dataset is None else dataset,
            "algorithm": self.profile.algorithm("plain") if algorithm is None else algorithm,
            **changes,
        }
        if "signature" not in changes:
            did = (body["dataset"] or {}).get("documentId")
            nonce = changes.get("nonce")
            body |= self.signed(body["consumerAddress"], body.get("jobId"), did, nonce=nonce)
        kept = {key: value for key, value in body.items() if value is not None}
        return Request("POST", COMPUTE, json=kept)

    def owned_request(self, method: str, **params: Any) -> Request:
        """A signed GET, PUT or DELETE of compute; the parameters are jobId and documentId."""
        told = {"consumerAddress": self.address, **params}
        if "signature" not in params:
            nonce = params.get("nonce")
            parts = (told["consumerAddress"], told.get("jobId"), told.get("documentId"))
            told |= self.signed(*parts, nonce=nonce)
        return Request(method, COMPUTE, query=told)

    def result_request(self, job_id: str, index: int | str = 0, **params: Any) -> Request:
        """A signed download."""
        told = {"consumerAddress": self.address, "jobId": job_id, "index": index, **params}
        if "signature" not in params:
            told |= self.signed(
                told["consumerAddress"], job_id, told["index"], nonce=params.get("nonce")
            )
        return Request("GET", RESULT, query=told)

    def token_request(self, expiration: int, **params: Any) -> Request:
        """A signed createAuthToken; `expiration` is in Unix seconds."""
        told = {"address": self.address, "expiration": expiration, **params}
        if "signature" not in params:
            told |= self.signed(told["address"], nonce=params.get("nonce"))
        return Request("GET", f"{SERVICES}/createAuthToken", query=told)

    def revocation_request(self, token: str, **params: Any) -> Request:
        """A signed deleteAuthToken."""
        told = {"address": self.address, "token": token, **params}
        if "signature" not in params:
            told |= self.signed(told["address"], nonce=params.get("nonce"))
        return Request("DELETE", f"{SERVICES}/deleteAuthToken", query=told)

    # Calls: each is signed and sent before another

    def ask(self, make: Callable[[], Request]) -> Answer:
        """Send what `make` signs; of a consumer whom checks share, nothing is sent otherwise."""
        with self.turn:
            return self.send(make())

    def start(self, *assets: Any, **changes: Any) -> Answer:
        """Start a job."""
        return self.ask(lambda: self.start_request(*assets, **changes))

    def status(self, **params: Any) -> Answer:
        """Ask for jobs, unsigned."""
        return self.send(Request("GET", COMPUTE, query=params))

    def signed_status(self, job_id: str) -> Answer:
        """Ask for a job as its owner."""
        return self.ask(lambda: self.owned_request("GET", jobId=job_id))

    def stop(self, **params: Any) -> Answer:
        """Stop jobs."""
        return self.ask(lambda: self.owned_request("PUT", **params))

    def delete(self, **params: Any) -> Answer:
        """Delete jobs."""
        return self.ask(lambda: self.owned_request("DELETE", **params))

    def result(self, job_id: str, index: int | str = 0, **params: Any) -> Answer:
        """Download a result."""
        return self.ask(lambda: self.result_request(job_id, index, **params))
