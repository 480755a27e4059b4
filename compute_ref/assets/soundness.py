"""Whether a document can be used as an asset, and if not, what its author must mend."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from compute_ref.assets.ddo import ACCESS, COMPUTE, DID, Ddo

TRUSTED: Final = "compute.publisherTrustedAlgorithms"
PUBLISHERS: Final = "compute.publisherTrustedAlgorithmPublishers"


class DdoInvalid(ValueError):
    """A document cannot be used as an asset; the text tells its author why."""


def check_ddo(document: Any) -> Ddo:
    """`document` itself, or DdoInvalid with all that is wrong with it."""
    problems = list(_problems(document)) or list(_encoding_problems(document))
    if problems:
        raise DdoInvalid("; ".join(problems))
    return dict(document)


def _problems(document: Any) -> Iterator[str]:
    if not isinstance(document, dict):
        yield "a DDO is a JSON object"
        return
    if not isinstance(document.get("id"), str) or not DID.fullmatch(document["id"]):
        yield "id must be did:op: and 64 lower-case hexadecimal digits"
    yield from _section_problems(document)
    services = document.get("services")
    if not isinstance(services, list) or not services:
        yield "services must be a list with at least one service"
        return
    for place, service in enumerate(services):
        yield from (f"services[{place}]: {text}" for text in _service_problems(service))
    ids = [str(service.get("id")) for service in services if isinstance(service, dict)]
    if len(set(ids)) < len(ids):
        yield "services must have different ids"


def _encoding_problems(document: Any) -> Iterator[str]:
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        yield "it must be JSON in UTF-8, without NaN, Infinity or halves of surrogate pairs"


def _section_problems(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("metadata", "nft", "credentials"):
        if not isinstance(document.get(key) or {}, dict):
            yield f"{key} must be an object"
    metadata, credentials = document.get("metadata") or {}, document.get("credentials") or {}
    if isinstance(metadata, dict):
        algorithm = metadata.get("algorithm") or {}
        if not isinstance(algorithm, dict):
            yield "metadata.algorithm must be an object"
        elif not isinstance(algorithm.get("container") or {}, dict):
            yield "metadata.algorithm.container must be an object"
    if isinstance(credentials, dict):
        for key in ("allow", "deny"):
            if not _are_credentials(credentials.get(key) or []):
                yield f'credentials.{key} must be a list of {{"type": …, "values": [texts]}}'


def _are_credentials(entries: Any) -> bool:
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("type"), str)
        and _are_texts(entry.get("values"))
        for entry in entries
    )


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _service_problems(service: Any) -> Iterator[str]:
    if not isinstance(service, dict):
        yield "must be an object"
        return
    for key in ("id", "type"):
        if not isinstance(service.get(key), str) or not service[key]:
            yield f"{key} must be a text"
    if service.get("type") in (COMPUTE, ACCESS) and not _are_files(service.get("files")):
        yield 'files must be a list of file objects, each with a "type"'
    timeout = service.get("timeout") or 0
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not _is_span(timeout):
        yield "timeout must be seconds, 0 for no limit"
    if isinstance(service.get("compute") or {}, dict):
        yield from _compute_problems(service.get("compute") or {})
    else:
        yield "compute must be an object"


def _is_span(seconds: float) -> bool:
    return 0 <= seconds < 2**53 and math.isfinite(seconds)


def _are_files(files: Any) -> bool:
    return (
        isinstance(files, list)
        and bool(files)
        and all(isinstance(file, dict) and isinstance(file.get("type"), str) for file in files)
    )


def _compute_problems(compute: Mapping[str, Any]) -> Iterator[str]:
    for flag in ("allowRawAlgorithm", "allowNetworkAccess"):
        if not isinstance(compute.get(flag) or False, bool):
            yield f"compute.{flag} must be true or false"
    algorithms = compute.get("publisherTrustedAlgorithms") or []
    if algorithms not in ("*", {"did": "*"}) and not (
        isinstance(algorithms, list) and all(_is_trusted(entry) for entry in algorithms)
    ):
        yield f'{TRUSTED} must be a list of {{"did": …}} or "*"'
    publishers = compute.get("publisherTrustedAlgorithmPublishers") or []
    if publishers != "*" and not (_are_texts(publishers) and all(publishers)):
        yield f'{PUBLISHERS} must be a list of addresses or "*"'


def _is_trusted(entry: Any) -> bool:
    if entry == "*":
        return True
    return (
        isinstance(entry, dict)
        and bool(entry.get("did"))
        and all(
            isinstance(entry.get(key) or "", str)
            for key in ("did", "filesChecksum", "containerSectionChecksum")
        )
    )
