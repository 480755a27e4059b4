"""Servers that are careless with HTTP, and with what they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import falcon
import webob
from marshmallow import RAISE

from compute_ref.http import body, errors, headers, parameters, routes, schemas
from compute_ref.http.beside import FileInfoResource
from compute_ref.http.body import parse_object
from compute_ref.http.headers import Headers
from compute_ref.http.reading import Reading
from compute_ref.refusals import Malformed
from compute_ref.settings import Settings
from tests.conformance.defects.defect import Kind, Wrong, defect

ENVIRONMENTS: Final = "/api/services/computeEnvironments"
NONCE: Final = "/api/services/nonce"
TOKEN: Final = "/api/services/createAuthToken"
parse, read_json, unified = body.parse, body.read_json, parameters.unified
allow_origin, process_request = Headers._allow_origin, Headers.process_request


def before_parsing(wrong: Wrong, step: Callable[[bytes], object]) -> None:
    """Let something be done with each body first."""

    def parsed(data: bytes) -> Any:
        step(data)
        return parse(data)

    wrong.patch(body, "parse", parsed)


def before_each_request(wrong: Wrong, step: Callable[[falcon.Request], object]) -> None:
    """Let something be done with each request first."""

    def processed(self: Headers, req: falcon.Request, resp: falcon.Response) -> None:
        step(req)
        process_request(self, req, resp)

    wrong.patch(Headers, "process_request", processed)


def plainly(data: bytes) -> Any:
    """What a body says; nothing where it is broken."""
    try:
        return json.loads(data)
    except ValueError:
        return {}


@defect("start-page-everywhere", "CE-HTTP-NOT-FOUND")
def start_page(wrong: Wrong) -> None:
    def everything(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        resp.media = {"welcome": "here"}

    wrong.patch(routes, "unknown_path", everything)


@defect("not-found-for-people", "CE-HTTP-REFUSALS-ARE-JSON", kind=Kind.SHAPE)
def not_found_for_people(wrong: Wrong) -> None:
    def page(req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        resp.status, resp.content_type = falcon.HTTP_404, falcon.MEDIA_HTML
        resp.text = "<h1>Not Found</h1>"

    wrong.patch(routes, "unknown_path", page)


@defect("any-method-reads", "CE-HTTP-METHOD")
def any_method_reads(wrong: Wrong) -> None:
    def read(request: webob.Request) -> None:
        if request.environ["PATH_INFO"] in {ENVIRONMENTS, NONCE} and request.method != "OPTIONS":
            request.method = "GET"

    wrong.requests(read)


@defect("methods-not-told", "CE-HTTP-ALLOW", kind=Kind.SHAPE)
def methods_not_told(wrong: Wrong) -> None:
    def refused(req: Any, resp: falcon.Response, error: falcon.HTTPError, params: Any) -> None:
        resp.status, resp.media = error.status, {"error": error.title}

    wrong.patch(errors, "by_falcon", refused)


@defect("refusals-told-as-html", "CE-HTTP-JSON-TYPE", kind=Kind.SHAPE)
def told_as_html(wrong: Wrong) -> None:
    def html(request: webob.Request, response: webob.Response) -> None:
        if response.status_int >= 400:
            response.headers["Content-Type"] = "text/html; charset=utf-8"

    wrong.answers(html)


@defect("latin-one-told", "CE-HTTP-UTF8", kind=Kind.SHAPE)
def latin_one(wrong: Wrong) -> None:
    def latin(request: webob.Request, response: webob.Response) -> None:
        if "json" in response.headers.get("Content-Type", ""):
            response.headers["Content-Type"] = "application/json; charset=iso-8859-1"

    wrong.answers(latin)


@defect("reads-bodies-of-get", "CE-HTTP-GET-CONTENT-TYPE")
def reads_bodies_of_get(wrong: Wrong) -> None:
    def read(req: falcon.Request) -> None:
        if req.method == "GET" and "json" in (req.content_type or ""):
            raise Malformed({"body": ["The body is not valid JSON."]})

    before_each_request(wrong, read)


@defect("no-body-not-thought-of", "CE-HTTP-NO-BODY")
def no_body(wrong: Wrong) -> None:
    def read(request: falcon.Request, most: int) -> dict[str, Any]:
        return read_json(request, most) or json.loads(b"")

    wrong.patch(parameters, "read_json", read)


@defect("broken-json-is-a-fault", "CE-HTTP-BROKEN-JSON")
def broken_json(wrong: Wrong) -> None:
    before_parsing(wrong, json.loads)


@defect("array-taken-for-an-object", "CE-HTTP-NOT-AN-OBJECT")
def array_for_object(wrong: Wrong) -> None:
    before_parsing(wrong, lambda data: dict(plainly(data)))


@defect("bytes-taken-for-utf-8", "CE-HTTP-UTF8-BODY")
def bytes_for_utf8(wrong: Wrong) -> None:
    before_parsing(wrong, lambda data: data.decode("utf-8"))


@defect("media-type-not-read", "CE-HTTP-MEDIA-TYPE")
def media_type_not_read(wrong: Wrong) -> None:
    def read(request: falcon.Request, most: int) -> dict[str, Any]:
        data = request.bounded_stream.read(most + 1)
        if len(data) > most:
            raise body.BodyTooLarge
        return parse_object(data) if data else {}

    wrong.patch(parameters, "read_json", read)


@defect("takes-any-size", "CE-HTTP-TOO-LARGE")
def takes_any_size(wrong: Wrong) -> None:
    def endless(settings: Settings) -> Settings:
        return replace(settings, server=replace(settings.server, max_body=2**30))

    wrong.settings(endless)


@defect("knows-no-head", "CE-HTTP-HEAD")
def knows_no_head(wrong: Wrong) -> None:
    def on_head(self: Any, req: falcon.Request, resp: falcon.Response, **_: Any) -> None:
        raise falcon.HTTPMethodNotAllowed(["GET"])

    wrong.patch(Reading, "on_head", on_head)


@defect("head-does-what-get-does", "CE-HTTP-HEAD-SPENDS-NOTHING", calls=2)
def head_is_get(wrong: Wrong) -> None:
    def get(request: webob.Request) -> None:
        if request.method == "HEAD" and request.environ["PATH_INFO"] == TOKEN:
            request.method = "GET"

    wrong.requests(get)


@defect("unknown-parameters-refused", "CE-HTTP-UNKNOWN-PARAMETERS")
def unknown_refused(wrong: Wrong) -> None:
    wrong.patch(schemas.NonceQuery.opts, "unknown", RAISE)


@defect("one-page-may-read", "CE-HTTP-CORS-ORIGIN")
def one_page(wrong: Wrong) -> None:
    def market(settings: Settings) -> Settings:
        server = replace(settings.server, cors_origins=("https://market.example",))
        return replace(settings, server=server)

    wrong.settings(market)


@defect("refusals-without-origin", "CE-HTTP-CORS-REFUSALS")
def refusals_without_origin(wrong: Wrong) -> None:
    def of_success(self: Headers, req: falcon.Request, resp: falcon.Response) -> None:
        if str(resp.status).startswith("2"):
            allow_origin(self, req, resp)

    wrong.patch(Headers, "_allow_origin", of_success)


@defect("preflight-refused", "CE-HTTP-PREFLIGHT")
def preflight_refused(wrong: Wrong) -> None:
    def refuse(req: falcon.Request) -> None:
        if req.method == "OPTIONS":
            raise falcon.HTTPMethodNotAllowed(["GET", "POST", "PUT", "DELETE"])

    before_each_request(wrong, refuse)


@defect("preflight-of-two-methods", "CE-HTTP-PREFLIGHT")
def two_methods(wrong: Wrong) -> None:
    wrong.patch(headers, "METHODS", "GET, POST")


@defect("preflight-of-tokens-alone", "CE-HTTP-PREFLIGHT-CONTENT-TYPE")
def tokens_alone(wrong: Wrong) -> None:
    wrong.patch(headers, "ACCEPTED", "AuthToken")


@defect("preflight-without-token", "CE-HTTP-PREFLIGHT-TOKEN")
def without_token(wrong: Wrong) -> None:
    wrong.patch(headers, "ACCEPTED", "Content-Type")


@defect("any-page-with-credentials", "CE-HTTP-CORS-CREDENTIALS", kind=Kind.SECURITY)
def with_credentials(wrong: Wrong) -> None:
    def let_in(request: webob.Request, response: webob.Response) -> None:
        if "Origin" in request.headers:
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Credentials"] = "true"

    wrong.answers(let_in)


@defect("download-name-hidden", "CE-HTTP-CORS-DOWNLOAD", calls=3)
def name_hidden(wrong: Wrong) -> None:
    wrong.patch(headers, "EXPOSED", "ETag")


def without_header(name: str, breaks: str, header: str, kind: Kind) -> None:
    """A defect of a header that is left out."""

    def left_out(request: webob.Request, response: webob.Response) -> None:
        response.headers.pop(header, None)

    defect(name, breaks, kind=kind)(lambda wrong: wrong.answers(left_out))


without_header("types-may-be-guessed", "CE-HTTP-NOSNIFF", "X-Content-Type-Options", Kind.SHAPE)
without_header("tokens-may-be-stored", "CE-HTTP-NO-STORE", "Cache-Control", Kind.SECURITY)


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
