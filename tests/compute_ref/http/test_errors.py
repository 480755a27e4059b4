"""Errors have the two shapes of reading R3 and tell nothing of the server."""

from __future__ import annotations

import json
import logging
import re
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NoReturn

import pytest
from webtest import TestApp

from compute_ref.plugins import hookimpl
from compute_ref.refusals import StoreUnavailable
from compute_ref.settings import Settings
from compute_ref.testing import compute_app
from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp

COMPUTE = "/api/services/compute"


class Broken:
    """A plug-in that fails with a text full of secrets."""

    @hookimpl
    def resolve_did(self, did: str) -> NoReturn:
        raise RuntimeError("/srv/secret/path http://data.example/key?token=abc")


def test_the_keys_of_a_validation_error_come_in_the_order_clients_read(web: TestApp) -> None:
    answer = web.post_json(COMPUTE, {}, status=400)
    assert list(json.loads(answer.text)) == ["errors", "message", "success"]
    assert answer.json["message"] == "Validation error"
    assert answer.json["success"] is False


def test_all_that_a_start_lacks_is_listed_at_once(web: TestApp) -> None:
    answer = web.post_json(COMPUTE, {"dataset": {}, "nonce": "x"}, status=400)
    assert answer.json["errors"]["dataset.documentId"] == [
        "The dataset.documentId field is required."
    ]
    assert set(answer.json["errors"]) == {
        "consumerAddress",
        "signature",
        "nonce",
        "dataset.documentId",
    }


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("dataset", [], "dataset"),
        ("dataset", {"documentId": 1}, "dataset.documentId"),
        ("dataset", {"documentId": "did:op:XYZ"}, "dataset.documentId"),
        ("algorithm", "x", "algorithm"),
        ("algorithm", {"meta": "{"}, "algorithm.meta"),
        ("algorithm", {"meta": "[" * 90_000}, "algorithm.meta"),
        ("algorithm", {"meta": {"container": 1}}, "algorithm.meta.container"),
        ("algorithm", {"meta": {"rawcode": 1}}, "algorithm.meta.rawcode"),
        ("additionalDatasets", [{"documentId": 1}], "additionalDatasets.0.documentId"),
        ("jobId", 7, "jobId"),
        ("environment", {"a": 1}, "environment"),
        ("signature", 7, "signature"),
        ("nonce", True, "nonce"),
        ("nonce", [1], "nonce"),
        ("consumerAddress", "0x12", "consumerAddress"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(
    consumer: Consumer, field: str, value: Any, path: str
) -> None:
    answer = consumer.start(**{field: value})
    assert answer.status_int == 400
    assert path in answer.json["errors"], answer.json


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("additionalDatasets", "x"),
        ("additionalDatasets", {"documentId": "x"}),
        ("additionalDatasets", [1]),
        ("additionalDatasets", "[" * 90_000),
        ("output", []),
        ("output", "x"),
        ("output", "{" * 90_000),
    ],
)
def test_what_is_no_list_or_object_is_refused_with_a_code(
    consumer: Consumer, field: str, value: Any
) -> None:
    answer = consumer.start(**{field: value})
    assert (answer.status_int, answer.json) == (400, {"error": {field: "invalid"}})


@pytest.mark.parametrize("field", ["additionalDatasets", "output"])
@pytest.mark.parametrize(
    ("earlier", "reason"),
    [
        ({"environment": "nowhere"}, "Environment invalid or does not exist"),
        ({"algorithm": {}}, {"algorithm": "missing_meta_documentId"}),
    ],
)
def test_what_is_no_list_or_object_is_refused_after_environment_and_algorithm(
    consumer: Consumer, field: str, earlier: dict[str, Any], reason: Any
) -> None:
    answer = consumer.start(**{field: "x"}, **earlier)
    assert (answer.status_int, answer.json) == (400, {"error": reason})


def test_json_text_is_taken_where_the_page_takes_it(consumer: Consumer) -> None:
    meta = {"rawcode": "x", "url": "", "container": {"entrypoint": "sh $ALGO"}}
    answer = consumer.start(
        algorithm={"meta": json.dumps(meta), "algocustomdata": '{"a": 1}'},
        output='{"a": 1}',
        additionalDatasets="[]",
    )
    assert answer.status_int == 200


def test_unknown_paths_and_methods_are_json(web: TestApp) -> None:
    assert set(web.get("/x", status=404).json) == {"error"}
    assert set(web.options("/x", status=404).json) == {"error"}
    web.lint = False  # which knows no BREW
    for method in ("PATCH", "TRACE", "BREW"):
        answer = web.request(COMPUTE, method=method, status="*", headers={})
        assert answer.status_int in (400, 405)
        assert set(answer.json) == {"error"}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_of_another_type_is_415(web: TestApp, kind: str) -> None:
    answer = web.post(COMPUTE, b"{}", headers={"Content-Type": kind}, status=415)
    assert set(answer.json) == {"error"}


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_is_recognised_whatever_its_spelling(web: TestApp, kind: str) -> None:
    web.post(COMPUTE, b"{}", headers={"Content-Type": kind}, status=400)


def test_a_call_without_a_body_needs_no_content_type(web: TestApp) -> None:
    assert "errors" in web.post(COMPUTE, b"", status=400).json
    web.get("/", headers={"Content-Type": "application/json"})


def test_a_body_over_the_limit_is_413() -> None:
    def small(settings: Settings) -> Settings:
        return replace(settings, server=replace(settings.server, max_body=1000))

    with compute_app(small) as server:
        exact = b'{"a": "' + b"x" * (1000 - 9) + b'"}'
        headers = {"Content-Type": "application/json"}
        assert server.web.post(COMPUTE, exact, headers=headers, status=400)
        answer = server.web.post(COMPUTE, exact + b" ", headers=headers, status=413)
        assert set(answer.json) == {"error"}


def test_a_fault_is_500_with_the_id_that_the_log_has(caplog: pytest.LogCaptureFixture) -> None:
    with compute_app(plugins=(Broken(),)) as server, caplog.at_level(logging.ERROR):
        answer = server.consumer().start()
        assert answer.status_int == 500
        assert set(answer.json) == {"error", "requestId"}
        assert answer.json["requestId"] in caplog.text
        assert not re.search("secret|data.example|Traceback", answer.text)
        assert "signature" not in "".join(r.getMessage() for r in caplog.records)


def test_a_store_that_takes_no_changes_is_503(
    server: ComputeApp, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise StoreUnavailable

    monkeypatch.setattr(server.app.services.store, "accept", refuse)
    answer = consumer.start()
    assert answer.status_int == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert set(answer.json) == {"error"}


def test_a_full_queue_and_a_full_disk_are_503() -> None:
    def narrow(settings: Settings) -> Settings:
        (environment,) = settings.environments
        queue = replace(settings.queue, max_queued_per_owner=1)
        return replace(settings, queue=queue, environments=(replace(environment, maxJobs=1),))

    with compute_app(narrow) as server:
        consumer = server.consumer()
        job_id = consumer.start("instant: stay").json[0]["jobId"]
        server.reached(job_id, lambda job: job["status"] == 40)
        assert consumer.start().status_int == 200
        refused = consumer.start()
        assert (refused.status_int, "Retry-After" in refused.headers) == (503, True)
        assert server.consumer().start().status_int == 200

    def full(settings: Settings) -> Settings:
        return replace(settings, queue=replace(settings.queue, min_free_disk=2**62))

    with compute_app(full) as server:
        refused = server.consumer().start()
        assert (refused.status_int, "disk" in refused.json["error"]) == (503, True)


def test_a_slow_call_too_many_is_503(server: ComputeApp, consumer: Consumer, running: str) -> None:
    slow = server.app.services.slow
    held = [slow.place() for _ in range(4)]
    for place in held:
        place.__enter__()
    refused = consumer.stop(running)
    assert (refused.status_int, refused.headers["Retry-After"]) == (503, "2")
    assert consumer.jobs(jobId=running)[0]["stopreq"] == 0
    held[0].__exit__(None, None, None)
    assert consumer.stop(running).status_int == 200


@pytest.mark.parametrize("call", ["stop", "delete"])
def test_what_is_not_there_is_404_also_while_all_places_for_slow_calls_are_taken(
    server: ComputeApp, consumer: Consumer, call: str
) -> None:
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(server.app.services.slow.place())
        assert getattr(consumer, call)("f" * 31 + "z").status_int == 404
