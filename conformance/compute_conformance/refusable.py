"""Requests that are in order, of things that nobody has: they cost a target nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from compute_conformance.consumers import COMPUTE, ENVIRONMENTS, SERVICES, Consumer
from compute_conformance.exchanges import Request

NO_DID: Final = "did:op:" + "0" * 64
NO_JOB: Final = "0123456789abcdef0123456789abcdez"
NO_DATASET: Final = {"documentId": NO_DID, "serviceId": "none", "transferTxId": "0x" + "0" * 64}
RAW: Final = {
    "meta": {
        "rawcode": "echo nobody runs this",
        "language": "sh",
        "version": "1",
        "container": {
            "entrypoint": "sh $ALGO",
            "image": "none",
            "tag": "1",
            "checksum": "sha256:" + "0" * 64,
        },
    }
}


def start(consumer: Consumer, **changes: Any) -> Request:
    """A signed start on a dataset that nobody has."""
    return consumer.start_request(RAW, NO_DATASET, **changes)


def soon() -> int:
    """Unix time in ten minutes."""
    return int(time.time()) + 600


def queries(consumer: Consumer) -> list[Request]:
    """One request for each call that reads a query string."""
    address = consumer.address
    return [
        Request("GET", COMPUTE, {"consumerAddress": address, "jobId": NO_JOB}),
        Request("GET", COMPUTE, {"documentId": NO_DID, "agreementId": "0x0"}),
        consumer.owned_request("PUT", jobId=NO_JOB, documentId=NO_DID),
        consumer.owned_request("DELETE", jobId=NO_JOB, documentId=NO_DID),
        consumer.result_request(NO_JOB),
        Request("GET", f"{SERVICES}/nonce", {"userAddress": address}),
        Request("GET", ENVIRONMENTS, {"chainId": consumer.profile.chain}),
        consumer.token_request(soon()),
        consumer.revocation_request("e30.e30.e30"),
    ]


def bodies(consumer: Consumer) -> list[Request]:
    """One request for each call that reads a JSON body."""
    return [
        start(consumer, environment="none", output={}, additionalDatasets=[NO_DATASET]),
        Request(
            "POST",
            f"{SERVICES}/initializeCompute",
            json={
                "datasets": [NO_DATASET],
                "algorithm": NO_DATASET,
                "compute": {"env": "none", "validUntil": soon()},
                "consumerAddress": consumer.address,
            },
        ),
        Request(
            "POST",
            f"{SERVICES}/fileinfo",
            json={"did": NO_DID, "serviceId": "none", "checksum": True},
        ),
    ]


def each_parameter(request: Request, value: Any) -> Iterator[tuple[str, Request]]:
    """The request with `value` in the place of each of its parameters, one by one."""
    if request.json is None:
        for name in request.query:
            yield name, request.but(**{name: value})
    else:
        for path in _paths(request.json):
            yield ".".join(path), request.but(**_put(request.json, path, value))


def _paths(body: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The members of an object and of the objects in it."""
    for name, value in body.items():
        yield (name,)
        if isinstance(value, Mapping):
            yield from ((name, *rest) for rest in _paths(value))


def _put(body: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**body, first: _put(body[first], tuple(rest), value) if rest else value}
