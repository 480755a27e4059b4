"""Servers that shut pages out, or let them in too far."""

from __future__ import annotations

from dataclasses import replace

import falcon
import webob

from compute_ref.http import headers
from compute_ref.http.headers import Headers
from compute_ref.settings import Settings
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.http import (
    allow_origin,
    before_each_request,
)


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


@defect("preflight-of-compute-alone", "CE-HTTP-PREFLIGHT-RESULT", kind=Kind.SHAPE)
def preflight_of_compute(wrong: Wrong) -> None:
    def fewer(request: webob.Request, response: webob.Response) -> None:
        if request.method == "OPTIONS" and request.path.endswith("computeResult"):
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"

    wrong.answers(fewer)
