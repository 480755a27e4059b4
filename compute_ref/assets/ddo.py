"""DDO v4 documents: what is used of one, and what of one may be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

Ddo = Mapping[str, Any]
DID: Final = re.compile(r"did:op:[0-9a-f]{64}", re.ASCII)
COMPUTE: Final = "compute"
ACCESS: Final = "access"


def service_of(ddo: Ddo, service_id: str) -> Mapping[str, Any] | None:
    """The service of that id, or None."""
    return next((service for service in ddo["services"] if service["id"] == service_id), None)


def files_of(service: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The file objects of a service, in their order."""
    return tuple(service.get("files") or ())


def compute_of(service: Mapping[str, Any]) -> Mapping[str, Any]:
    """The ``compute`` section of a service; empty where it has none."""
    section: Mapping[str, Any] = service.get("compute") or {}
    return section


def is_algorithm(ddo: Ddo) -> bool:
    """Whether the asset is an algorithm."""
    return bool((ddo.get("metadata") or {}).get("type") == "algorithm")


def container_of(ddo: Ddo) -> Mapping[str, Any]:
    """The container section of an algorithm; empty where it has none."""
    algorithm = (ddo.get("metadata") or {}).get("algorithm") or {}
    section: Mapping[str, Any] = algorithm.get("container") or {}
    return section


def publisher_of(ddo: Ddo) -> str:
    """The address that owns the asset (``nft.owner``), or ""."""
    return str((ddo.get("nft") or {}).get("owner") or "")


def public_ddo(ddo: Ddo, endpoint: str) -> dict[str, Any]:
    """`ddo` as it may leave the server: no file objects, `endpoint` where a service names none."""
    services = [
        {**service, "files": "", "serviceEndpoint": service.get("serviceEndpoint") or endpoint}
        for service in ddo["services"]
    ]
    return {**ddo, "services": services, "nft": {"state": 0, **(ddo.get("nft") or {})}}
