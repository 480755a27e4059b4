"""May this algorithm meet this dataset? Pure rules over the dataset's DDO (reading R13)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compute_ref.assets.ddo import COMPUTE, Ddo, compute_of


@dataclass(frozen=True, slots=True)
class Candidate:
    """A published algorithm as trust looks at it; checksums in lower-case hex."""

    did: str
    publisher: str
    files_checksum: str
    container_checksum: str


def container_checksum(entrypoint: str, checksum: str) -> str:
    """SHA-256 hex of the container section: entrypoint and image checksum joined."""
    return hashlib.sha256((entrypoint + checksum).encode("utf-8")).hexdigest()


def raw_refusal(service: Mapping[str, Any]) -> str:
    """The refusal of raw code by a compute service, or ""."""
    return "" if compute_of(service).get("allowRawAlgorithm") is True else "no_raw_algo_allowed"


def allows_network(service: Mapping[str, Any]) -> bool:
    """Whether an algorithm that sees this service's data may reach the network."""
    return service["type"] == COMPUTE and compute_of(service).get("allowNetworkAccess") is True


def demands_files(service: Mapping[str, Any], did: str) -> bool:
    """Whether the service trusts `did` only with a certain checksum of its files."""
    return any(entry.get("filesChecksum") for entry in _entries(service, did))


def refusal(service: Mapping[str, Any], algorithm: Candidate, empty_allows_all: bool) -> str:
    """The refusal of a published algorithm by a compute service, or "".

    An empty list says nothing where the other one is not empty; where both are empty, nobody
    is trusted unless `empty_allows_all`.
    """
    publishers = _listed(service, "publisherTrustedAlgorithmPublishers")
    algorithms = _listed(service, "publisherTrustedAlgorithms")
    if not algorithms and not publishers:
        return "" if empty_allows_all else "not_trusted_algo"
    if publishers and not _is_trusted_publisher(publishers, algorithm.publisher):
        return "not_trusted_algo_publisher"
    return _algorithm_refusal(service, algorithm) if algorithms else ""


def credentials_refuse(ddo: Ddo, consumer: str) -> bool:
    """Whether the asset's credentials keep `consumer` out; deny comes first."""
    credentials = ddo.get("credentials") or {}
    denied, allowed = (_addresses(credentials.get(key)) for key in ("deny", "allow"))
    if denied is not None and consumer.lower() in denied:
        return True
    return allowed is not None and consumer.lower() not in allowed


def _listed(service: Mapping[str, Any], key: str) -> list[Any]:
    listed = compute_of(service).get(key) or []
    return listed if isinstance(listed, list) else [listed]  # a star may stand alone


def _entries(service: Mapping[str, Any], did: str) -> list[Mapping[str, Any]]:
    """What is said of `did`: the entries with its name and those for all."""
    listed = _listed(service, "publisherTrustedAlgorithms")
    entries = [{"did": "*"} if entry == "*" else entry for entry in listed]
    return [entry for entry in entries if entry.get("did") in (did, "*")]


def _algorithm_refusal(service: Mapping[str, Any], algorithm: Candidate) -> str:
    """One entry that fits is enough; otherwise what the first one of them misses."""
    refusals = [_entry_refusal(entry, algorithm) for entry in _entries(service, algorithm.did)]
    if not refusals:
        return "not_trusted_algo"
    return "" if "" in refusals else refusals[0]


def _entry_refusal(entry: Mapping[str, Any], algorithm: Candidate) -> str:
    files, container = entry.get("filesChecksum"), entry.get("containerSectionChecksum")
    if files and files.lower() != algorithm.files_checksum:
        return "algorithm_file_checksum_mismatch"
    if container and container.lower() != algorithm.container_checksum:
        return "algorithm_container_checksum_mismatch"
    return ""


def _is_trusted_publisher(publishers: list[Any], publisher: str) -> bool:
    trusted = {entry.lower() for entry in publishers}
    return "*" in trusted or (publisher != "" and publisher.lower() in trusted)


def _addresses(entries: Any) -> set[str] | None:
    """Addresses of all entries of type address, lower case; None where there is no such entry."""
    lists = [entry for entry in entries or () if entry["type"] == "address"]
    if not lists:
        return None
    return {value.lower() for entry in lists for value in entry["values"]}
