"""May this algorithm meet this dataset? Pure rules over the dataset's DDO (reading R13)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compute_ref.assets.ddo import Ddo


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
    allowed = (service.get("compute") or {}).get("allowRawAlgorithm", False)
    return "" if allowed is True else "no_raw_algo_allowed"


def demands_files(service: Mapping[str, Any], did: str) -> bool:
    """Whether the service trusts `did` only with a certain checksum of its files."""
    entry = _entry_of(_lists(service)[0], did)
    return bool(entry and entry.get("filesChecksum"))


def refusal(service: Mapping[str, Any], algorithm: Candidate, empty_allows_all: bool) -> str:
    """The refusal of a published algorithm by a compute service, or ""."""
    algorithms, publishers = _lists(service)
    if not algorithms and not publishers:
        return "" if empty_allows_all else "not_trusted_algo"
    if publishers and not _is_trusted_publisher(publishers, algorithm.publisher):
        return "not_trusted_algo_publisher"
    return _algorithm_refusal(algorithms, algorithm) if algorithms else ""


def credentials_refuse(ddo: Ddo, consumer: str) -> bool:
    """Whether the asset's credentials keep `consumer` out; deny comes first."""
    credentials = ddo.get("credentials") or {}
    denied, allowed = (_addresses(credentials.get(key)) for key in ("deny", "allow"))
    if denied is not None and consumer.lower() in denied:
        return True
    return allowed is not None and consumer.lower() not in allowed


def _lists(service: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    compute = service.get("compute") or {}
    return (
        _as_list(compute.get("publisherTrustedAlgorithms")),
        _as_list(compute.get("publisherTrustedAlgorithmPublishers")),
    )


def _as_list(value: Any) -> list[Any]:
    return ["*"] if value == "*" else list(value or [])


def _entry_of(algorithms: Sequence[Any], did: str) -> Mapping[str, Any] | None:
    """The entry for `did`; one by name comes before ``*``, as it may demand checksums."""
    entries = [{"did": "*"} if entry == "*" else entry for entry in algorithms]
    named = [entry for entry in entries if entry.get("did") == did]
    return next((entry for entry in (*named, *entries) if entry.get("did") in (did, "*")), None)


def _algorithm_refusal(algorithms: Sequence[Any], algorithm: Candidate) -> str:
    entry = _entry_of(algorithms, algorithm.did)
    if entry is None:
        return "not_trusted_algo"
    files, container = entry.get("filesChecksum"), entry.get("containerSectionChecksum")
    if files and files.lower() != algorithm.files_checksum:
        return "algorithm_file_checksum_mismatch"
    if container and container.lower() != algorithm.container_checksum:
        return "algorithm_container_checksum_mismatch"
    return ""


def _is_trusted_publisher(publishers: Sequence[str], publisher: str) -> bool:
    return "*" in publishers or publisher.lower() in {entry.lower() for entry in publishers}


def _addresses(entries: Any) -> set[str] | None:
    """Addresses of all entries of type address, lower case; None where there is no such entry."""
    if not isinstance(entries, list):
        return None
    lists = [e for e in entries if isinstance(e, dict) and e.get("type") == "address"]
    if not lists:
        return None
    return {str(value).lower() for entry in lists for value in entry.get("values") or ()}
