"""DDO v4 documents: what must hold for one to be used, and what of one may be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

Ddo = Mapping[str, Any]
DID: Final = re.compile(r"did:op:[0-9a-f]{64}", re.ASCII)
SERVICE_TYPES: Final = ("compute", "access")


class DdoInvalid(ValueError):
    """A document cannot be used as an asset; the text tells its author why."""


def check_ddo(document: Any) -> Ddo:
    """`document` itself, or DdoInvalid with all that is wrong with it."""
    problems = list(_problems(document))
    if problems:
        raise DdoInvalid("; ".join(problems))
    return dict(document)


def service_of(ddo: Ddo, service_id: str) -> Mapping[str, Any] | None:
    """The service of that id, or None."""
    return next((service for service in ddo["services"] if service["id"] == service_id), None)


def files_of(service: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The file objects of a service, in their order."""
    return tuple(service["files"])


def is_algorithm(ddo: Ddo) -> bool:
    """Whether the asset is an algorithm."""
    return bool(ddo.get("metadata", {}).get("type") == "algorithm")


def public_ddo(ddo: Ddo, endpoint: str) -> dict[str, Any]:
    """`ddo` as it may leave the server: no file objects, `endpoint` where a service names none."""
    services = [
        {**service, "files": "", "serviceEndpoint": service.get("serviceEndpoint") or endpoint}
        for service in ddo["services"]
    ]
    return {**ddo, "services": services, "nft": {"state": 0, **(ddo.get("nft") or {})}}


def _problems(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "a DDO is a JSON object"
        return
    if not isinstance(document.get("id"), str) or not DID.fullmatch(document["id"]):
        yield "id must be did:op: and 64 lower-case hexadecimal digits"
    for key in ("metadata", "nft", "credentials"):
        if not isinstance(document.get(key) or {}, dict):
            yield f"{key} must be an object"
    services = document.get("services")
    if not isinstance(services, list) or not services:
        yield "services must be a list with at least one service"
        return
    for place, service in enumerate(services):
        yield from (f"services[{place}]: {text}" for text in _service_problems(service))
    ids = [service.get("id") for service in services if isinstance(service, dict)]
    if len({str(one) for one in ids}) < len(ids):
        yield "services must have different ids"


def _service_problems(service: Any) -> Iterator[str]:
    if not isinstance(service, dict):
        yield "must be an object"
        return
    if not isinstance(service.get("id"), str) or not service["id"]:
        yield "id must be a text"
    if service.get("type") not in SERVICE_TYPES:
        yield "type must be compute or access"
    files = service.get("files")
    if not isinstance(files, list) or not all(_is_file(file) for file in files) or not files:
        yield 'files must be a list of file objects, each with a "type"'
    timeout = service.get("timeout", 0)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or timeout < 0:
        yield "timeout must be seconds, 0 for no limit"
    if not isinstance(service.get("compute") or {}, dict):
        yield "compute must be an object"
        return
    yield from _compute_problems(service.get("compute") or {})


def _is_file(file: Any) -> bool:
    return isinstance(file, dict) and isinstance(file.get("type"), str)


def _compute_problems(compute: Mapping[str, Any]) -> Iterator[str]:
    for flag in ("allowRawAlgorithm", "allowNetworkAccess"):
        if not isinstance(compute.get(flag, False), bool):
            yield f"compute.{flag} must be true or false"
    trusted = compute.get("publisherTrustedAlgorithms") or []
    if trusted != "*" and not (
        isinstance(trusted, list) and all(entry == "*" or _is_trusted(entry) for entry in trusted)
    ):
        yield 'compute.publisherTrustedAlgorithms must be a list of {"did": …} or "*"'
    publishers = compute.get("publisherTrustedAlgorithmPublishers") or []
    if publishers != "*" and not (
        isinstance(publishers, list) and all(isinstance(entry, str) for entry in publishers)
    ):
        yield 'compute.publisherTrustedAlgorithmPublishers must be a list of addresses or "*"'


def _is_trusted(entry: Any) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(key) or "", str)
        for key in ("did", "filesChecksum", "containerSectionChecksum")
    )
