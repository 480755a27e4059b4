"""Servers whose calls beside the page mislead clients, or show what they should hide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from unittest import mock

import falcon

from compute_ref.assets.admission import Admission
from compute_ref.assets.ddo import public_ddo
from compute_ref.assets.plan import Order, Plan
from compute_ref.assets.requests import StartRequest
from compute_ref.assets.screening import Screening
from compute_ref.http import beside
from compute_ref.http.beside import DdoResource, FileInfoResource
from compute_ref.http.schemas import FileInfo, Initialize, loaded
from compute_ref.refusals import Malformed, Refused
from compute_ref.settings import Settings
from tests.conformance.defects.defect import Kind, Wrong, defect

QUOTE: Final = "/api/services/initializeCompute"
FILES: Final = "/api/services/fileinfo"
quote, check_order = Admission.quote, Admission._check_order
of_asset, of_url, ddo_on_get = (
    FileInfoResource._of_asset,
    FileInfoResource._of_url,
    DdoResource.on_get,
)


def answered(name: str, breaks: str, path: str, change: Callable[[Any], Any]) -> None:
    """A defect of what a call answers with."""
    defect(name, breaks, kind=Kind.SHAPE)(lambda wrong: wrong.documents(path, change))


def documented(name: str, breaks: str, kind: Kind, change: Callable[[Any], Any]) -> None:
    """A defect of the documents that leave the server."""

    def told(ddo: Mapping[str, Any], endpoint: str) -> Any:
        return change(public_ddo(ddo, endpoint))

    defect(name, breaks, kind=kind)(lambda wrong: wrong.patch(beside, "public_ddo", told))


def of_each(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Any], Any]:
    """A change of each fact of a file."""
    return lambda facts: [change(one) for one in facts]


def wanting(wrong: Wrong, change: Callable[[dict[str, Any]], Any]) -> None:
    """Let what an initializeCompute asks for be changed."""

    def read(schema: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
        wanted = loaded(schema, sent)
        if schema is Initialize:
            change(wanted)
        return wanted

    wrong.patch(beside, "loaded", read)


answered("quote-in-an-array", "CE-BESIDE-QUOTE", QUOTE, lambda told: told["datasets"])
answered(
    "quote-by-datatoken",
    "CE-BESIDE-QUOTE",
    QUOTE,
    lambda told: {**told, "datasets": {one["datatoken"]: one for one in told["datasets"]}},
)
answered(
    "quote-without-datatoken",
    "CE-BESIDE-QUOTE-TOKEN",
    QUOTE,
    lambda told: {
        **told,
        "datasets": [{"validOrder": one["validOrder"]} for one in told["datasets"]],
    },
)
answered(
    "quote-of-the-data-alone",
    "CE-BESIDE-QUOTE-ALGORITHM",
    QUOTE,
    lambda told: {"datasets": told["datasets"]},
)
answered(
    "quote-of-raw-code",
    "CE-BESIDE-QUOTE-RAW",
    QUOTE,
    lambda told: {"algorithm": told["datasets"][0], **told},
)


@defect("quote-until-any-time", "CE-BESIDE-QUOTE-PAST")
def until_any_time(wrong: Wrong) -> None:
    wanting(wrong, lambda wanted: wanted["compute"].update(validUntil=2**40))


@defect("quote-for-any-environment", "CE-BESIDE-QUOTE-ENVIRONMENT")
def any_environment(wrong: Wrong) -> None:
    wanting(wrong, lambda wanted: wanted["compute"].update(env="instant"))


@defect("quote-of-what-may-not-meet", "CE-BESIDE-QUOTE-TRUST")
def may_not_meet(wrong: Wrong) -> None:
    def trusting(self: Admission, request: StartRequest) -> Plan:
        with mock.patch.object(Screening, "refusal", return_value=None):
            return quote(self, request)

    wrong.patch(Admission, "quote", trusting)


@defect("quote-refused-without-a-name", "CE-BESIDE-QUOTE-MISSING", kind=Kind.SHAPE)
def without_a_name(wrong: Wrong) -> None:
    def read(schema: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return loaded(schema, sent)
        except Malformed:
            raise Refused("Bad Request") from None

    wrong.patch(beside, "loaded", read)


@defect("quote-binds-the-order", "CE-BESIDE-QUOTE-BINDS-NOTHING", calls=3)
def binds_the_order(wrong: Wrong) -> None:
    bound: set[str] = set()

    def binding(self: Admission, request: StartRequest) -> Plan:
        bound.update(one.transaction for one in request.datasets)
        return quote(self, request)

    def checked(self: Admission, order: Order) -> None:
        if order.transaction in bound:
            raise Refused({order.resource: order.code})
        check_order(self, order)

    wrong.patch(Admission, "quote", binding)
    wrong.patch(Admission, "_check_order", checked)


answered("facts-in-an-object", "CE-BESIDE-FILEINFO", FILES, lambda facts: {"files": facts})
answered(
    "facts-without-index",
    "CE-BESIDE-FILEINFO",
    FILES,
    of_each(lambda one: {key: value for key, value in one.items() if key != "index"}),
)
answered(
    "valid-as-text", "CE-BESIDE-FILEINFO", FILES, of_each(lambda one: {**one, "valid": "true"})
)
answered(
    "valid-never", "CE-BESIDE-FILEINFO-VALID", FILES, of_each(lambda one: {**one, "valid": False})
)


@defect("facts-with-the-place", "CE-BESIDE-FILEINFO-HIDES", kind=Kind.SECURITY)
def with_the_place(wrong: Wrong) -> None:
    def told(self: FileInfoResource, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [{**one, "path": "data.txt"} for one in of_asset(self, wanted)]

    wrong.patch(FileInfoResource, "_of_asset", told)


@defect("facts-of-nothing", "CE-BESIDE-FILEINFO-UNKNOWN")
def facts_of_nothing(wrong: Wrong) -> None:
    def told(self: FileInfoResource, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        try:
            return of_asset(self, wanted)
        except Refused:
            return []

    wrong.patch(FileInfoResource, "_of_asset", told)


@defect("no-checksum-of-algorithms", "CE-BESIDE-FILEINFO-CHECKSUM")
def no_checksum(wrong: Wrong) -> None:
    wrong.patch(beside, "is_algorithm", lambda ddo: False)


@defect("checksum-of-data", "CE-BESIDE-FILEINFO-DATA", kind=Kind.SECURITY)
def checksum_of_data(wrong: Wrong) -> None:
    wrong.patch(beside, "is_algorithm", lambda ddo: True)


@defect("any-url-is-asked", "CE-BESIDE-FILEINFO-PRIVATE", kind=Kind.SECURITY)
def any_url(wrong: Wrong) -> None:
    def careless(settings: Settings) -> Settings:
        fetching = replace(
            settings.fetching, fileinfo_urls=True, allow_private_urls=True, timeout=1
        )
        return replace(settings, fetching=fetching)

    wrong.settings(careless)


@defect("any-file-is-looked-at", "CE-BESIDE-FILEINFO-FILE", kind=Kind.SECURITY)
def any_file(wrong: Wrong) -> None:
    def read(schema: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
        wanted = loaded(schema, sent)
        return {**wanted, "path": sent.get("path", "")} if schema is FileInfo else wanted

    def looked_at(self: FileInfoResource, wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
        if wanted.get("type") != "file":
            return of_url(self, wanted)
        return [{"index": 0, "valid": Path("/", wanted["path"]).is_file()}]

    wrong.patch(beside, "loaded", read)
    wrong.patch(FileInfoResource, "_of_url", looked_at)


documented("document-in-an-envelope", "CE-BESIDE-DDO", Kind.SHAPE, lambda ddo: {"ddo": ddo})
documented(
    "document-without-services",
    "CE-BESIDE-DDO",
    Kind.SHAPE,
    lambda ddo: {key: value for key, value in ddo.items() if key != "services"},
)
documented(
    "document-without-endpoints",
    "CE-BESIDE-DDO-ENDPOINT",
    Kind.SHAPE,
    lambda ddo: {
        **ddo,
        "services": [{**service, "serviceEndpoint": ""} for service in ddo["services"]],
    },
)
documented(
    "document-state-as-text",
    "CE-BESIDE-DDO-STATE",
    Kind.SHAPE,
    lambda ddo: {**ddo, "nft": {**ddo["nft"], "state": "active"}},
)


@defect("document-with-its-files", "CE-BESIDE-DDO-FILES", kind=Kind.SECURITY)
def with_its_files(wrong: Wrong) -> None:
    wrong.patch(beside, "public_ddo", lambda ddo, endpoint: dict(ddo))


@defect("document-of-nothing", "CE-BESIDE-DDO-UNKNOWN")
def of_nothing(wrong: Wrong) -> None:
    def told(self: DdoResource, req: falcon.Request, resp: falcon.Response, did: str) -> None:
        if self._its.admission.ddo(did) is None:
            resp.media = {}
        else:
            ddo_on_get(self, req, resp, did)

    wrong.patch(DdoResource, "on_get", told)
