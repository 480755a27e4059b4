"""/spec describes every call, and every answer is as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from webtest import TestApp

from compute_ref.http.routes import CALLS
from compute_ref.testing.consumers import Consumer


@pytest.fixture
def document(web: TestApp) -> dict[str, Any]:
    described: dict[str, Any] = web.get("/spec").json
    return described


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def wrong(document: dict[str, Any], place: dict[str, Any], content: Any) -> list[str]:
    """What a request's or an answer's description has against its content."""
    schema = place["content"]["application/json"]["schema"]
    validator = OAS31Validator({**schema, "components": document["components"]})
    return [error.message for error in validator.iter_errors(content)]


def test_it_is_a_valid_document(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()


def test_every_path_and_method_is_in_it(document: dict[str, Any]) -> None:
    assert set(document["paths"]) == set(CALLS)
    for path, resource in CALLS.items():
        methods = {m for m in ("get", "post", "put", "delete") if hasattr(resource, f"on_{m}")}
        assert set(document["paths"][path]) == methods, path


def test_everything_is_described(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        for parameter in operation["parameters"]:
            assert parameter.get("description"), (path, method, parameter)
        for answer in operation["responses"].values():
            assert answer["description"]
    for name, schema in document["components"]["schemas"].items():
        for member, facts in schema["properties"].items():
            assert facts.get("description") or "$ref" in str(facts), (name, member)


def test_every_call_lists_its_errors(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert {"400", "404", "405", "500", "503"} <= set(operation["responses"]), (path, method)


def test_jobs_environments_and_errors_are_as_described(
    web: TestApp, consumer: Consumer, document: dict[str, Any], finished: str
) -> None:
    def holds(content: Any, path: str, method: str, status: str) -> None:
        answer = document["paths"][path][method]["responses"][status]
        assert wrong(document, answer, content) == []

    compute, environments = "/api/services/compute", "/api/services/computeEnvironments"
    holds(consumer.jobs(), compute, "get", "200")
    holds(consumer.status(finished).json, compute, "get", "200")
    holds(web.get(environments).json, environments, "get", "200")
    holds(web.get(environments, {"chainId": 8996}).json, environments, "get", "200")
    holds(web.get("/").json, "/", "get", "200")
    holds(web.get(compute, status=400).json, compute, "get", "400")
    holds(consumer.stop("x").json, compute, "put", "404")


def test_patterns_are_anchored_as_every_language_reads_them(document: dict[str, Any]) -> None:
    found = re.findall(r'"pattern": "(.*?)"', json.dumps(document))
    assert "^0x[0-9a-fA-F]{40}$" in found
    assert [text for text in found if not (text[0] == "^" and text[-1] == "$") or "Z" in text] == []


@pytest.mark.parametrize("nonce", [3, 3.5, "3"])
def test_a_body_that_is_accepted_is_as_described(
    consumer: Consumer, document: dict[str, Any], nonce: Any
) -> None:
    meta = json.dumps(consumer.order()["algorithm"]["meta"])
    signed = {**consumer.signed(consumer.dataset, nonce=str(nonce)), "nonce": nonce}
    body = consumer.order(algorithm={"meta": meta}, **signed)
    assert consumer.web.post_json("/api/services/compute", body).json
    described = document["paths"]["/api/services/compute"]["post"]["requestBody"]
    assert wrong(document, described, body) == []


def test_a_query_string_is_not_required_where_a_body_may_stand(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if "requestBody" in operation:
            assert [p["name"] for p in operation["parameters"] if p.get("required")] == [], path
            assert operation["requestBody"]["required"] is (method == "post")


def test_a_file_is_of_any_type(document: dict[str, Any]) -> None:
    answers = document["paths"]["/api/services/computeResult"]["get"]["responses"]
    assert (set(answers["200"]["content"]), set(answers["206"]["content"])) == ({"*/*"}, {"*/*"})
