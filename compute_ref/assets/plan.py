"""What one run is to do: which data meets which algorithm, as checked when it was accepted.

A plan is plain JSON-able values; the store keeps it beside the job, so that what was checked is
what runs (contract: the DDOs as they were at the start).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

RAW: Final = "raw"
DID_PREFIX: Final = "did:op:"


def short_did(did: str) -> str:
    """`did` without ``did:op:``: the name of its folder and its entry in ``DIDS``."""
    return did.removeprefix(DID_PREFIX)


@dataclass(frozen=True, slots=True)
class Order:
    """A transaction that pays for one service, and how its refusal reads on the wire.

    `transaction` is lower case; `lifetime` seconds from first use, 0 for ever; `resource` and
    `code` make ``{"error": {resource: code}}`` where the order cannot be bound.
    """

    transaction: str
    document_id: str
    service_id: str
    consumer: str
    lifetime: float
    resource: str
    code: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """One input: its full DDO (with file objects, never shown) and the service that is used."""

    document_id: str
    service_id: str
    ddo: Mapping[str, Any]
    files: tuple[Mapping[str, Any], ...]
    userdata: Any = None


@dataclass(frozen=True, slots=True)
class Algorithm:
    """The algorithm: published (`document_id`, `ddo`) or raw (`document_id` is "raw").

    Exactly one of `rawcode` and `files` is non-empty. `files_checksum` is what a dataset demands
    of the fetched files ("" for no demand): concatenated SHA-256 hex, in order.
    """

    document_id: str
    service_id: str
    ddo: Mapping[str, Any] | None
    files: tuple[Mapping[str, Any], ...]
    rawcode: str
    entrypoint: str
    image: str
    tag: str
    checksum: str
    files_checksum: str = ""
    custom_data: Any = None
    userdata: Any = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One admitted run.

    `request` is dataset, algorithm, additionalDatasets as they were sent
    (parsed JSON, for comparing a restart); `network` is whether every dataset allows it.
    """

    environment: str
    datasets: tuple[Dataset, ...]
    algorithm: Algorithm
    orders: tuple[Order, ...]
    network: bool
    output: Mapping[str, Any] | None
    request: Mapping[str, Any]

    def to_document(self) -> dict[str, Any]:
        """Plain JSON values, for the store; what is in them is not copied."""
        return {
            **_shallow(self),
            "datasets": [_shallow(dataset) for dataset in self.datasets],
            "algorithm": _shallow(self.algorithm),
            "orders": [_shallow(order) for order in self.orders],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Plan:
        """The plan that :meth:`to_document` wrote."""
        return cls(
            environment=document["environment"],
            datasets=tuple(
                Dataset(**{**d, "files": tuple(d["files"])}) for d in document["datasets"]
            ),
            algorithm=Algorithm(
                **{**document["algorithm"], "files": tuple(document["algorithm"]["files"])}
            ),
            orders=tuple(Order(**order) for order in document["orders"]),
            network=document["network"],
            output=document["output"],
            request=document["request"],
        )


def _shallow(part: Plan | Dataset | Algorithm | Order) -> dict[str, Any]:
    return {field.name: getattr(part, field.name) for field in fields(part)}
