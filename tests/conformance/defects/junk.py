"""Servers that are careless with what they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import falcon

from compute_ref.http import parameters, routes
from compute_ref.http.beside import FileInfoResource
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.http import (
    before_each_request,
    before_parsing,
    plainly,
    unified,
)


@defect("nul-reaches-the-database", "CE-HTTP-JUNK-NUL")
def nul_reaches_the_database(wrong: Wrong) -> None:
    def stored(sent: Mapping[str, Any]) -> dict[str, Any]:
        if any(isinstance(value, str) and chr(0) in value for value in sent.values()):
            raise ValueError("A string literal cannot contain NUL (0x00) characters.")
        return unified(sent)

    wrong.patch(parameters, "unified", stored)


@defect("query-decoded-strictly", "CE-HTTP-JUNK-UTF8")
def query_decoded_strictly(wrong: Wrong) -> None:
    before_each_request(wrong, lambda req: unquote_to_bytes(req.query_string).decode("utf-8"))


@defect("body-logged-as-utf-8", "CE-HTTP-JUNK-SURROGATE")
def body_logged(wrong: Wrong) -> None:
    before_parsing(
        wrong, lambda data: json.dumps(plainly(data), ensure_ascii=False).encode("utf-8")
    )


@defect("texts-taken-for-granted", "CE-HTTP-JUNK-TYPES")
def texts_taken_for_granted(wrong: Wrong) -> None:
    on_post = FileInfoResource.on_post

    def trusting(self: FileInfoResource, req: falcon.Request, resp: falcon.Response) -> None:
        req.get_media(default_when_empty={}).get("serviceId", "").lower()
        req.stream = req.bounded_stream
        on_post(self, req, resp)

    wrong.patch(FileInfoResource, "on_post", trusting)


@defect("date-of-any-number", "CE-HTTP-JUNK-NUMBERS")
def date_of_any_number(wrong: Wrong) -> None:
    def dated(data: bytes) -> None:
        told = plainly(data)
        until = told.get("compute", {}) if isinstance(told, dict) else {}
        if isinstance(until, dict) and isinstance(until.get("validUntil"), float):
            datetime.fromtimestamp(until["validUntil"], UTC)

    before_parsing(wrong, dated)


@defect("depth-not-bounded", "CE-HTTP-JUNK-DEPTH")
def depth_not_bounded(wrong: Wrong) -> None:
    before_parsing(wrong, plainly)


@defect("column-of-some-characters", "CE-HTTP-JUNK-LENGTH")
def column_of_some_characters(wrong: Wrong) -> None:
    def stored(sent: Mapping[str, Any]) -> dict[str, Any]:
        if any(isinstance(value, str) and len(value) > 10_000 for value in sent.values()):
            raise OverflowError("value too long for type character varying")
        return unified(sent)

    wrong.patch(parameters, "unified", stored)


@defect("parameter-is-always-one", "CE-HTTP-JUNK-TWICE")
def always_one(wrong: Wrong) -> None:
    def query(request: falcon.Request) -> dict[str, Any]:
        return unified({name: str.strip(value) for name, value in request.params.items()})  # type: ignore[arg-type]

    wrong.patch(parameters, "query", query)


@defect("file-names-of-any-bytes", "CE-HTTP-JUNK-PATH")
def file_names(wrong: Wrong) -> None:
    def named(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        Path(req.path).open("rb").close()

    wrong.patch(routes, "unknown_path", _or_not_found(named))


@defect("files-of-the-whole-machine", "CE-HTTP-JUNK-PATH", kind=Kind.SECURITY)
def whole_machine(wrong: Wrong) -> None:
    def static(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        path = req.path.replace(chr(0), "").lstrip("/")
        resp.data = Path("/usr/share", path).read_bytes()
        resp.content_type = falcon.MEDIA_TEXT

    wrong.patch(routes, "unknown_path", _or_not_found(static))


def _or_not_found(sink: Callable[..., None]) -> Callable[..., None]:
    """A sink that has no answer where the system has no file."""
    unknown_path = routes.unknown_path

    def tried(req: falcon.Request, resp: falcon.Response, **path: Any) -> None:
        try:
            sink(req, resp, **path)
        except OSError:
            unknown_path(req, resp)

    return tried


@defect("range-read-without-care", "CE-HTTP-JUNK-HEADERS")
def range_read(wrong: Wrong) -> None:
    def read(req: falcon.Request) -> None:
        told = req.get_header("Range")
        if told:
            told.split("=")[1]

    before_each_request(wrong, read)
