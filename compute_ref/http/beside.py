"""What unmodified clients ask beside the page (reading R14): quotes, file facts, DDOs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

import falcon

from compute_ref.assets.datasets import used_service
from compute_ref.assets.ddo import DID, files_of, is_algorithm, public_ddo, service_of
from compute_ref.assets.requests import StartRequest
from compute_ref.http.headers import base_url
from compute_ref.http.parameters import body
from compute_ref.http.reading import Reading
from compute_ref.http.restarts import algorithm, asset
from compute_ref.http.schemas import FileInfo, Initialize, loaded
from compute_ref.refusals import Malformed, NotFound, Refused
from compute_ref.services import Services

NO_TOKEN: Final = "0x" + "0" * 40
CALLERS_BYTES: Final = 2**20


class InitializeResource:
    """Would such a start be admitted? Nothing is stored or bound, and no fee asked."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The data tokens to order, each with an order that is valid here."""
        wanted = loaded(Initialize, body(req, self._its.settings.server.max_body))
        if wanted["compute"]["validUntil"] <= self._its.clock.now():
            raise Refused("The validUntil value is not correct.")
        request = StartRequest(
            environment=wanted["compute"]["env"],
            datasets=tuple(asset(one) for one in wanted["datasets"]),
            algorithm=algorithm(wanted["algorithm"]),
        )
        if not request.datasets:
            raise Malformed({"datasets": ["The datasets field is required."]})
        plan = self._its.admission.quote(request)
        answer: dict[str, Any] = {"datasets": [_quoted(used_service(d)) for d in plan.datasets]}
        if plan.algorithm.ddo is not None:
            service = service_of(plan.algorithm.ddo, plan.algorithm.service_id)
            answer["algorithm"] = _quoted(service or {})
        resp.media = answer


class FileInfoResource:
    """Whether the files of a service can be had, without saying where they lie."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """One entry for each file."""
        wanted = loaded(FileInfo, body(req, self._its.settings.server.max_body))
        resp.media = self._of_asset(wanted) if "did" in wanted else self._of_url(wanted)

    def _of_asset(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        ddo = self._its.admission.ddo(wanted["did"])
        if ddo is None:
            raise Refused("Cannot resolve DID")
        service = service_of(ddo, wanted.get("serviceId", ""))
        if service is None:
            raise Refused("Invalid serviceId.")
        checksum = bool(wanted.get("checksum")) and is_algorithm(ddo)
        files = files_of(service)
        if not checksum and all(file["type"] == "file" for file in files):
            return self._its.fetcher.info(files)
        with self._its.slow.place():
            return self._its.fetcher.info(files, checksum=checksum)

    def _of_url(self, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        if wanted.get("type") != "url" or not self._its.settings.fetching.fileinfo_urls:
            raise Malformed({"did": ["The did field is required."]})
        file = {key: wanted[key] for key in ("type", "url", "method", "headers") if key in wanted}
        with self._its.slow.place():
            return self._its.fetcher.info([file], most_bytes=CALLERS_BYTES)


class DdoResource(Reading):
    """DDOs of the catalogue, so that a client's metadata-cache URL can be this server."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_get(self, req: falcon.Request, resp: falcon.Response, did: str) -> None:
        """The document without its file objects."""
        ddo = self._its.admission.ddo(did) if DID.fullmatch(did) else None
        if ddo is None:
            raise NotFound("No such asset here.")
        resp.media = public_ddo(ddo, base_url(req, self._its.settings.server))


def _quoted(service: Mapping[str, Any]) -> dict[str, str]:
    return {
        "datatoken": service.get("datatokenAddress") or NO_TOKEN,
        "validOrder": "0x" + secrets.token_hex(32),
    }
