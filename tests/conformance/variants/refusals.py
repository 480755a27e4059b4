"""Other answers to what is refused, unknown or not offered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import webob

from compute_conformance.requirements import Level
from compute_ref.settings import Trust
from tests.conformance.defects.defect import Wrong
from tests.conformance.variants.variant import calls, variant


@variant("401-for-signatures")
def unauthorised(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 400 and b'"signature"' in response.body:
            response.status_int = 401

    wrong.answers(rewrite)


@variant("403-for-refusals")
def forbidden(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 400 and b'"error"' in response.body:
            response.status_int = 403

    wrong.answers(rewrite)


@variant("nobody-knows-such-a-job")
def empty_for_unknown(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 404 and calls(request, "GET", "PUT", "DELETE"):
            response.status_int, response.body = 200, b"[]"

    wrong.answers(rewrite)


@variant("signature-errors-as-text")
def bare_errors(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 400 and b'"signature": [' in response.body:
            found = json.loads(response.body)
            found["errors"]["signature"] = found["errors"]["signature"][0]
            response.body = json.dumps(found).encode()

    wrong.answers(rewrite)


@variant("404-for-jobs-that-nobody-has")
def not_found(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        named = "jobId" in parse_qs(request.query_string)
        if calls(request, "GET") and named and response.body == b"[]":
            response.status_int, response.body = 404, b'{"error": "There is no such job."}'

    wrong.answers(rewrite)


@variant("400-for-results-that-there-are-not")
def bad_request(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("/computeResult") and response.status_int == 404:
            response.status_int = 400

    wrong.answers(rewrite)


@variant("no-calls-beside-the-page")
def without_calls_beside(wrong: Wrong) -> None:
    missing(wrong, initializeCompute="/initializeCompute", fileinfo="/fileinfo")


@variant("no-tokens")
def without_tokens(wrong: Wrong) -> None:
    missing(wrong, create_auth_token="/createAuthToken", delete_auth_token="/deleteAuthToken")


def missing(wrong: Wrong, **calls: str) -> None:
    """Answer these calls as unknown paths, and tell of none."""

    def elsewhere(request: webob.Request) -> None:
        if request.environ["PATH_INFO"].endswith(tuple(calls.values())):
            request.environ["PATH_INFO"] = "/api/services/this-is-no-call"

    def without(told: dict[str, Any]) -> dict[str, Any]:
        for name in calls:
            del told["serviceEndpoints"][name]
        return told

    wrong.requests(elsewhere)
    wrong.documents("/", without)


@variant("trusts-where-nothing-is-said", Level.INTEROPERABLE)
def trusting(wrong: Wrong) -> None:
    wrong.settings(lambda settings: replace(settings, trust=Trust(empty_allows_all=True)))
