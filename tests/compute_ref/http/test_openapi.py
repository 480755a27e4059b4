"""/spec describes every call, and every answer is as it says."""

from __future__ import annotations

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
        schema = answer["content"]["application/json"]["schema"]
        validator = OAS31Validator({**schema, "components": document["components"]})
        assert [error.message for error in validator.iter_errors(content)] == []

    compute, environments = "/api/services/compute", "/api/services/computeEnvironments"
    holds(consumer.jobs(), compute, "get", "200")
    holds(consumer.status(finished).json, compute, "get", "200")
    holds(web.get(environments).json, environments, "get", "200")
    holds(web.get(environments, {"chainId": 8996}).json, environments, "get", "200")
    holds(web.get("/").json, "/", "get", "200")
    holds(web.get(compute, status=400).json, compute, "get", "400")
    holds(consumer.stop("x").json, compute, "put", "404")
