"""Whatever is sent, the answer has the contract's shape and is never a fault."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from compute_ref.testing.kit import DATASET, ComputeApp

COMPUTE = "/api/services/compute"
JSON = {"Content-Type": "application/json"}


def post(app: ComputeApp, body: bytes, headers: dict[str, str] = JSON) -> Any:
    return app.web.post(COMPUTE, body, headers=headers, expect_errors=True)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"nonce": NaN}',
        b'{"nonce": 1e400}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 65 + b"1" + b"}" * 65,
        b'{"nonce": ' + b"9" * 100_000 + b"}",
    ],
)
def test_a_body_that_is_no_sound_json_object_is_named(compute_app: ComputeApp, body: bytes) -> None:
    answer = post(compute_app, body)
    assert answer.status_int == 400
    assert list(answer.json) == ["errors", "message", "success"]
    assert list(answer.json["errors"]) == ["body"]


def test_deep_nesting_ends_no_process_that_has_imported_eth_account() -> None:
    program = """
import threading, eth_account
from compute_ref.http.body import parse_object
from compute_ref.refusals import Malformed
def try_it():
    try:
        parse_object(b"[" * 100_000)
    except Malformed:
        print("refused")
thread = threading.Thread(target=try_it); thread.start(); thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "refused")


def test_a_missing_dataset_is_told_in_the_words_clients_look_for(compute_app: ComputeApp) -> None:
    answer = post(compute_app, b"{}")
    assert answer.json["errors"]["consumerAddress"] == ["The consumerAddress field is required."]
    consumer = compute_app.consumer()
    answer = compute_app.web.post_json(COMPUTE, consumer.signed(), expect_errors=True)
    text = "The dataset.documentId field is required."
    assert answer.json["errors"] == {"dataset.documentId": [text]}


def test_every_wrong_field_is_listed_by_its_path(compute_app: ComputeApp) -> None:
    body = {"consumerAddress": 7, "nonce": "x", "dataset": {"documentId": "did"}, "algorithm": []}
    answer = compute_app.web.post_json(COMPUTE, body, expect_errors=True)
    assert set(answer.json["errors"]) >= {"consumerAddress", "nonce", "dataset.documentId"}


def test_other_bodies_are_415_and_413(compute_app: ComputeApp) -> None:
    assert post(compute_app, b"a=b", {"Content-Type": "text/plain"}).status_int == 415
    assert post(compute_app, b'{"a": "' + b"x" * 2**21 + b'"}').status_int == 413


def test_unknown_paths_and_methods_are_told_as_json(compute_app: ComputeApp) -> None:
    assert "error" in compute_app.web.get("/nope", expect_errors=True).json
    answer = compute_app.web.delete("/api/services/nonce", expect_errors=True)
    assert (answer.status_int, "GET" in answer.headers["Allow"]) == (405, True)
    address = compute_app.consumer().address
    head = compute_app.web.head(f"/api/services/nonce?userAddress={address}")
    assert head.status_int == 200
    head = compute_app.web.head("/api/services/createAuthToken", expect_errors=True)
    assert head.status_int == 405


def test_a_parameter_given_twice_and_a_differing_synonym_are_errors(
    compute_app: ComputeApp,
) -> None:
    one, other = compute_app.consumer().address, compute_app.consumer().address
    twice = compute_app.web.get(f"{COMPUTE}?jobId=a&jobId=b", expect_errors=True)
    assert "jobId" in twice.json["errors"]
    differ = {"owner": one, "consumerAddress": other}
    assert compute_app.web.get(COMPUTE, differ, expect_errors=True).status_int == 400
    same = {"owner": one, "consumerAddress": one.lower()}
    assert compute_app.web.get(COMPUTE, same).json == []


def test_browsers_may_call_from_anywhere(compute_app: ComputeApp) -> None:
    asked = {"Origin": "http://app.example", "Access-Control-Request-Method": "DELETE"}
    answer = compute_app.web.options(COMPUTE, headers=asked)
    assert answer.status_int == 204
    assert "AuthToken" in answer.headers["Access-Control-Allow-Headers"]
    root = compute_app.web.get("/", headers={"Origin": "http://app.example"})
    assert root.headers["Access-Control-Allow-Origin"] == "*"
    assert root.headers["X-Content-Type-Options"] == "nosniff"


def test_the_specification_is_valid(compute_app: ComputeApp) -> None:
    document = compute_app.web.get("/spec").json
    validate(document)
    assert set(document["paths"]["/api/services/compute"]) == {"get", "post", "put", "delete"}


def test_no_file_object_leaves_the_server(compute_app: ComputeApp) -> None:
    ddo = compute_app.web.get(f"/api/aquarius/assets/ddo/{DATASET}")
    assert ddo.json["services"][0]["files"] == ""
    assert "data.txt" not in ddo.text
    facts = {"did": DATASET, "serviceId": "compute", "checksum": True}
    info = compute_app.web.post_json("/api/services/fileinfo", facts)
    assert info.json[0]["valid"] is True
    assert "data.txt" not in info.text
    assert "checksum" not in info.json[0]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = [
    "consumerAddress",
    "signature",
    "nonce",
    "environment",
    "dataset",
    "algorithm",
    "additionalDatasets",
    "output",
    "jobId",
    "datasets",
    "compute",
    "did",
    "serviceId",
    "documentId",
    "index",
    "limit",
]


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from([COMPUTE, "/api/services/initializeCompute", "/api/services/fileinfo"]),
    method=st.sampled_from(["POST", "PUT", "DELETE"]),
    body=st.dictionaries(st.sampled_from(FIELDS), JUNK),
)
def test_junk_in_every_field_is_refused_in_shape(
    compute_app: ComputeApp, path: str, method: str, body: dict[str, Any]
) -> None:
    answer = compute_app.web._gen_request(
        method, path, params=_dumped(body), headers=JSON, expect_errors=True
    )
    assert answer.status_int in (400, 404, 405)
    assert set(answer.json) in ({"error"}, {"errors", "message", "success"})


def _dumped(body: Any) -> bytes:
    import json

    return json.dumps(body).encode("utf-8", "replace")
