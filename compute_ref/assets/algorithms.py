"""Admitting the algorithm of a request: what it is, and whether it can run at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compute_ref.assets.ddo import Ddo, container_of, files_of, is_algorithm, service_of
from compute_ref.assets.plan import RAW, Algorithm, Order
from compute_ref.assets.requests import AlgorithmRequest
from compute_ref.assets.trust import credentials_refuse
from compute_ref.refusals import Refused


@dataclass(frozen=True, slots=True)
class Rules:
    """What a container section must have: an image only where the backend runs images."""

    runs_images: bool
    unpinned_images: bool


def raw_algorithm(request: AlgorithmRequest, rules: Rules) -> Algorithm:
    """The algorithm that the consumer brings along in ``meta``."""
    meta = request.meta or {}
    code, url = meta.get("rawcode") or "", meta.get("url") or ""
    if bool(code) == bool(url):
        raise Refused({"algorithm": "meta_oneof_url_rawcode_remote"})
    container = checked_container(meta.get("container"), rules)
    return Algorithm(
        document_id=RAW,
        service_id="",
        ddo=None,
        files=({"type": "url", "url": url},) if url else (),
        rawcode=code,
        custom_data=request.custom_data,
        userdata=request.asset.userdata,
        **container,
    )


def published_algorithm(
    request: AlgorithmRequest, ddo: Ddo | None, consumer: str | None, rules: Rules
) -> Algorithm:
    """The algorithm of a DDO; `consumer` None asks no credentials."""
    if ddo is None:
        raise Refused({"algorithm": "did_not_found"})
    if not is_algorithm(ddo):
        raise Refused({"algorithm": "not_algo"})
    if not request.asset.service_id:
        raise Refused({"algorithm.serviceId": "missing"})
    service = service_of(ddo, request.asset.service_id)
    if service is None or not files_of(service):
        raise Refused({"algorithm.serviceId": "not_found"})
    container = checked_container(container_of(ddo), rules)
    if consumer and credentials_refuse(ddo, consumer):
        raise Refused({"algorithm.credentials": "access_denied"})
    return Algorithm(
        document_id=ddo["id"],
        service_id=service["id"],
        ddo=ddo,
        files=files_of(service),
        rawcode="",
        custom_data=request.custom_data,
        userdata=request.asset.userdata,
        **container,
    )


def algorithm_order(request: AlgorithmRequest, algorithm: Algorithm, consumer: str) -> Order:
    """The order that pays for a published algorithm."""
    if not request.asset.transaction:
        raise Refused({"algorithm.transferTxId": "missing"})
    service = service_of(algorithm.ddo or {"services": []}, algorithm.service_id) or {}
    return Order(
        request.asset.transaction.lower(),
        algorithm.document_id,
        algorithm.service_id,
        consumer,
        float(service.get("timeout") or 0),
        "algorithm",
        "in_use_or_not_on_chain",
    )


def checked_container(container: Any, rules: Rules) -> dict[str, str]:
    """Entrypoint, image, tag and checksum of a container section, or the refusal of it."""
    section: Mapping[str, Any] = container if isinstance(container, dict) else {}
    fields = {name: section.get(name) or "" for name in ("entrypoint", "image", "tag", "checksum")}
    sound = all(isinstance(text, str) and "\0" not in text for text in fields.values())
    if not sound or not fields["entrypoint"] or not _image_named(fields, rules):
        raise Refused({"algorithm.container": "missing_entrypoint_image_checksum"})
    if fields["checksum"] and not fields["checksum"].startswith("sha256:"):
        raise Refused({"algorithm.container": "checksum_prefix"})
    return fields


def _image_named(fields: Mapping[str, str], rules: Rules) -> bool:
    if not rules.runs_images:
        return True
    return bool(fields["image"] and (fields["checksum"] or rules.unpinned_images))
