"""One consumer at one server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import urllib3

from compute_ref.client.algorithms import Asset, RawCode
from compute_ref.client.errors import AnswerUnusable, CallRefused, ClientError, OrderNeeded
from compute_ref.client.wire import Wire
from compute_ref.identity.keys import Account

Status = dict[str, Any]  # a status object of the page
ORDER_LIFE: Final = 3_600  # seconds for which an order is asked
ATTEMPTS: Final = 3  # where another call of the same account took the nonce meanwhile


class ComputeClient:
    """Calls on the server at `url`, signed with `account` where a call must be signed.

    Every method may raise ServerUnreachable, AnswerUnusable or CallRefused. Reading the state of
    a job is never signed, but for `details`.
    """

    def __init__(self, url: str, account: Account | None = None) -> None:
        self._wire = Wire(url)
        self._account = account

    @property
    def url(self) -> str:
        """The server's URL, without a slash at its end."""
        return self._wire.url

    @property
    def signs(self) -> bool:
        """Whether there is an account to sign with."""
        return self._account is not None

    @property
    def address(self) -> str:
        """The consumer's address; ClientError where there is no account."""
        return self._signer().address

    def close(self) -> None:
        """Let go of open connections."""
        self._wire.close()

    def environments(self) -> list[dict[str, Any]]:
        """All environments of the server, each once."""
        answer = self._wire.call("computeEnvironments")
        lists = answer.values() if isinstance(answer, dict) else [answer]
        return list({one["id"]: one for entries in lists for one in entries}.values())

    def start(
        self,
        dataset: Asset,
        algorithm: Asset | RawCode,
        *,
        additional: Sequence[Asset] = (),
        environment: str = "",
        custom: object = None,
    ) -> Status:
        """Start a job and return it as accepted; `custom` is the algocustomdata.

        Orders that are not given are asked of the server first (initializeCompute); OrderNeeded
        where it wants one to be bought.
        """
        place = self._environment(environment)
        data, algorithm = self._ordered((dataset, *additional), algorithm, place)
        body = {
            "environment": place["id"],
            "dataset": data[0].named(),
            "algorithm": {**algorithm.named(), **_unless_none("algocustomdata", custom)},
            "additionalDatasets": [asset.named() for asset in data[1:]],
        }
        return self._signed_call(
            dataset.did, lambda signed: self._wire.call("computeStart", body=body | signed)
        )

    def restart(self, job_id: str) -> Status:
        """Run a finished job of one's own again under its id."""
        return self._signed_call(
            job_id,
            lambda signed: self._wire.call("computeStart", body={"jobId": job_id} | signed),
        )

    def jobs(self, **narrowed: str) -> list[Status]:
        """Jobs by ``consumerAddress``, ``documentId``, ``jobId`` or ``agreementId``."""
        return _statuses(self._wire.call("computeStatus", query=narrowed))

    def status(self, job_id: str) -> Status:
        """The job as anybody may see it; CallRefused (404) where there is none."""
        found = self.jobs(jobId=job_id)
        if not found:
            raise CallRefused(404, {"error": f"No job {job_id}. Check its id and the server."})
        return found[0]

    def details(self, job_id: str) -> Status:
        """The job as its owner sees it.

        A read consumes no nonce, so what is signed stays valid; it is signed over a nonce that
        is used up, with which nobody can do anything but read.
        """
        used = max(1, self._last_nonce() - 1)
        query = {"jobId": job_id, **self._signed(job_id, used)}
        found = _statuses(self._wire.call("computeStatus", query=query))
        return found[0] if found else self.status(job_id)

    def stop(self, job_id: str) -> Status:
        """Stop a job; it no longer runs when this returns."""
        return self._signed_call(
            job_id,
            lambda signed: self._wire.call("computeStop", query={"jobId": job_id} | signed),
        )

    def delete(self, job_id: str) -> Status:
        """Stop a job and remove all of it; {} from a server that answers with nothing."""
        return self._signed_call(
            job_id,
            lambda signed: self._wire.call("computeDelete", query={"jobId": job_id} | signed),
        )

    def open_result(self, job_id: str, index: int) -> urllib3.BaseHTTPResponse:
        """A result's bytes, to be read with ``stream()`` and closed with ``release_conn()``."""
        answer: urllib3.BaseHTTPResponse = self._retried(
            f"{job_id}{index}",
            lambda signed: self._wire.send(
                "computeResult", {"jobId": job_id, "index": index} | signed, stream=True
            ),
        )
        return answer

    def _signer(self) -> Account:
        if self._account is None:
            raise ClientError("this call must be signed, and no private key is given")
        return self._account

    def _last_nonce(self) -> int:
        answer = self._wire.call("nonce", query={"userAddress": self.address})
        try:
            return int(answer["nonce"])
        except (KeyError, TypeError, ValueError) as odd:
            raise AnswerUnusable(f"{self.url} gave no nonce") from odd

    def _signed(self, parts: str, nonce: int) -> dict[str, Any]:
        text = f"{self.address}{parts}{nonce}"
        return {
            "consumerAddress": self.address,
            "nonce": nonce,
            "signature": self._signer().sign(text),
        }

    def _retried(self, parts: str, send: Callable[[dict[str, Any]], Any]) -> Any:
        for _ in range(ATTEMPTS - 1):
            try:
                return send(self._signed(parts, self._last_nonce() + 1))
            except CallRefused as refused:
                if "nonce" not in refused.fields:
                    raise
        return send(self._signed(parts, self._last_nonce() + 1))

    def _signed_call(self, parts: str, send: Callable[[dict[str, Any]], Any]) -> Status:
        found = _statuses(self._retried(parts, send))
        return found[0] if found else {}

    def _environment(self, wanted: str) -> Mapping[str, Any]:
        known = self.environments()
        found = [one for one in known if wanted in ("", one["id"])]
        if not found:
            ids = ", ".join(one["id"] for one in known) or "none"
            raise CallRefused(400, {"error": f"no environment {wanted!r}; there are: {ids}"})
        return found[0]

    def _ordered(
        self, data: Sequence[Asset], algorithm: Asset | RawCode, place: Mapping[str, Any]
    ) -> tuple[list[Asset], Asset | RawCode]:
        needed = [*data, algorithm] if isinstance(algorithm, Asset) else data
        if all(isinstance(asset, Asset) and asset.order for asset in needed):
            return list(data), algorithm
        answer = self._wire.call(
            "initializeCompute",
            body={
                "datasets": [asset.named() for asset in data],
                "algorithm": algorithm.named(),
                "compute": {"env": place["id"], "validUntil": int(time.time()) + ORDER_LIFE},
                "consumerAddress": place.get("consumerAddress") or self.address,
            },
        )
        offers = list(answer.get("datasets") or [])
        ordered = [asset.ordered(_order(o)) for asset, o in zip(data, offers, strict=True)]
        if isinstance(algorithm, Asset):
            return ordered, algorithm.ordered(_order(answer.get("algorithm") or {}))
        return ordered, algorithm


def _unless_none(name: str, value: object) -> dict[str, object]:
    return {} if value is None else {name: value}


def _order(offer: Mapping[str, Any]) -> str:
    order = offer.get("validOrder")
    if not order:
        raise OrderNeeded("this asset must be bought first: give the order's transaction")
    return str(order)


def _statuses(answer: Any) -> list[Status]:
    entries = answer if isinstance(answer, list) else [answer]
    return [entry for entry in entries if isinstance(entry, dict)]
