"""Whatever is asked, in whatever way, the answer has a shape of the contract."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webtest import TestApp, TestResponse

from compute_ref.http.routes import CALLS
from compute_ref.testing import compute_app

BEYOND = {"error"}, {"errors", "message", "success"}
NAMES = (
    "consumerAddress",
    "owner",
    "signature",
    "nonce",
    "environment",
    "dataset",
    "algorithm",
    "additionalDatasets",
    "additionalInputs",
    "output",
    "jobId",
    "documentId",
    "agreementId",
    "index",
    "limit",
    "offset",
    "chainId",
    "chainID",
    "address",
    "userAddress",
    "expiration",
    "token",
    "did",
    "serviceId",
    "checksum",
    "type",
    "url",
    "headers",
    "datasets",
    "compute",
)
ADDRESS = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"
PLAUSIBLE = st.sampled_from(
    [
        ADDRESS,
        "did:op:" + "d" * 64,
        "0x" + "11" * 65,
        "instant",
        "compute",
        1,
        "1",
        2**53,
        "1e5",
        "{}",
        "[]",
        "\0",
        "",
        None,
        {"documentId": "did:op:" + "d" * 64, "serviceId": "compute", "transferTxId": "0x1"},
        {"env": "instant", "validUntil": 2**31},
        {"meta": {"rawcode": "x", "container": {"entrypoint": "x"}}},
    ]
)
JUNK = st.recursive(
    PLAUSIBLE
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*NAMES, "meta", "container", "rawcode", "userdata", "x"]), inner
        )
    ),
    max_leaves=6,
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
PATHS = st.sampled_from([path.replace("{did}", "did:op:" + "d" * 64) for path in CALLS])
PARAMETERS = st.dictionaries(st.sampled_from(NAMES), JUNK, max_size=8)
CONTENT = st.binary(max_size=40) | PARAMETERS.map(lambda fields: json.dumps(fields).encode())
QUIET = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def web() -> Iterator[TestApp]:
    with compute_app() as server:
        server.web.lint = False
        yield server.web


def check(answer: TestResponse) -> None:
    assert answer.status_int < 500, answer.text
    if answer.request.method == "HEAD":
        return
    if answer.status_int >= 400:
        assert answer.content_type == "application/json"
        assert set(answer.json) in BEYOND
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "/tmp" not in answer.text


@QUIET
@given(path=PATHS, method=METHODS, content=CONTENT)
def test_any_body(web: TestApp, path: str, method: str, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    check(web.request(path, method=method, body=content, headers=headers, status="*"))


@QUIET
@given(path=PATHS, method=METHODS, query=PARAMETERS, token=st.text("abc.=é", max_size=9))
def test_any_query(web: TestApp, path: str, method: str, query: dict[str, Any], token: str) -> None:
    from urllib.parse import urlencode

    text = urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in query.items()})
    headers = {"AuthToken": token} if token else {}
    check(web.request(f"{path}?{text}", method=method, headers=headers, status="*"))


@pytest.mark.parametrize(
    "text",
    [
        "jobId=%ff%fe",
        "jobId=%00",
        "nonce=%",
        "&&&===",
        "jobId=a&jobId=b",
        "limit=" + "9" * 5000,
        "offset=9007199254740993",
        "chainId=%D9%A3",
        "jobId=%ed%a0%80",
        "=x",
        "jobId",
    ],
)
def test_any_odd_query_string(web: TestApp, text: str) -> None:
    for path in CALLS:
        for method in ("GET", "PUT", "DELETE"):
            address = f"{path.replace('{did}', 'x')}?consumerAddress={ADDRESS}&{text}"
            check(web.request(address, method=method, status="*"))


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 30])
def test_a_content_length_that_is_none(web: TestApp, length: str) -> None:
    answer = web.request(
        "/api/services/compute",
        method="POST",
        environ={"CONTENT_LENGTH": length, "CONTENT_TYPE": "application/json"},
        status="*",
    )
    check(answer)
    assert answer.status_int in (400, 413)
