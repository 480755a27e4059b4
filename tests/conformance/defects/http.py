"""Servers that are careless with HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import falcon
import webob
from marshmallow import RAISE

from compute_ref.http import body, errors, parameters, routes, schemas
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
        if request.path in {ENVIRONMENTS, NONCE} and request.method != "OPTIONS":
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
        if request.method == "HEAD" and request.path == TOKEN:
            request.method = "GET"

    wrong.requests(get)


@defect("unknown-parameters-refused", "CE-HTTP-UNKNOWN-PARAMETERS")
def unknown_refused(wrong: Wrong) -> None:
    wrong.patch(schemas.NonceQuery.opts, "unknown", RAISE)


def without_header(name: str, breaks: str, header: str, kind: Kind, call: str = "") -> None:
    """A defect of a header that is left out, of all answers or of one call's."""

    def left_out(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith(call):
            response.headers.pop(header, None)

    defect(name, breaks, kind=kind)(lambda wrong: wrong.answers(left_out))


without_header("types-may-be-guessed", "CE-HTTP-NOSNIFF", "X-Content-Type-Options", Kind.SHAPE)
without_header(
    "tokens-may-be-stored", "CE-HTTP-NO-STORE", "Cache-Control", Kind.SECURITY, "createAuthToken"
)
