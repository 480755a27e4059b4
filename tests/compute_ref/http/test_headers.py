"""What every answer carries, and what is believed of a request."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from webtest import TestApp

from compute_ref.settings import Settings
from compute_ref.testing import compute_app
from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp

COMPUTE = "/api/services/compute"


def changed(**server: Any) -> AbstractContextManager[ComputeApp]:
    def change(settings: Settings) -> Settings:
        return replace(settings, server=replace(settings.server, **server))

    return compute_app(change)


def url_of(
    server: ComputeApp,
    consumer: Consumer,
    job_id: str,
    headers: dict[str, str] | None = None,
    **environ: str,
) -> str:
    query = {**consumer.signed(job_id), "jobId": job_id}
    answer = server.web.get(COMPUTE, query, headers=headers, extra_environ=environ)
    return str(answer.json[0]["resultsUrls"][0]).partition("/api/")[0]


def job_of(server: ComputeApp) -> tuple[Consumer, str]:
    consumer = server.consumer()
    job_id = consumer.start().json[0]["jobId"]
    server.finished(job_id)
    return consumer, job_id


@pytest.mark.parametrize(
    "host", ["a b", "a/b", "a@b", "a:b", "[::1", "x" * 300, 'a"', "a:123456", "ä"]
)
def test_a_host_that_is_none_is_refused(web: TestApp, host: str) -> None:
    answer = web.get("/", extra_environ={"HTTP_HOST": host}, status=400)
    assert "Host" in answer.json["error"]


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1:8030", "[::1]:8030", "a_b"])
def test_urls_follow_the_host_that_was_asked(server: ComputeApp, web: TestApp, host: str) -> None:
    consumer, job_id = job_of(server)
    assert url_of(server, consumer, job_id, HTTP_HOST=host) == f"http://{host}"


def test_forwarded_headers_count_only_from_trusted_proxies() -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "public.example"}
    with changed(trusted_proxies=("10.0.0.7",)) as server:
        consumer, job_id = job_of(server)

        def asked_by(address: str) -> str:
            return url_of(server, consumer, job_id, forwarded, REMOTE_ADDR=address)

        assert asked_by("10.0.0.7") == "https://public.example"
        assert asked_by("10.0.0.8") == "http://localhost:80"


def test_the_public_url_is_what_urls_begin_with() -> None:
    with changed(public_url="https://c2d.example/base/") as server:
        consumer, job_id = job_of(server)
        assert url_of(server, consumer, job_id) == "https://c2d.example/base"


def test_every_answer_forbids_sniffing(web: TestApp) -> None:
    for path in ("/", "/nowhere", COMPUTE, "/spec"):
        assert web.get(path, status="*").headers["X-Content-Type-Options"] == "nosniff"


def test_signed_and_token_answers_are_not_stored(
    web: TestApp, consumer: Consumer, finished: str
) -> None:
    assert consumer.status(finished).headers["Cache-Control"] == "no-store"
    unsigned = web.get(COMPUTE, {"jobId": finished})
    assert "Cache-Control" not in unsigned.headers
    token = web.get(
        COMPUTE,
        {"consumerAddress": consumer.address},
        headers={"AuthToken": "x"},
        status=400,
    )
    assert token.headers["Cache-Control"] == "no-store"


def test_a_preflight_is_answered_for_browsers(web: TestApp) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    answer = web.options(COMPUTE, headers=asked)
    assert (answer.status_int, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    methods = answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert {"GET", "POST", "PUT", "DELETE"} <= set(methods)
    allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
    assert set(allowed) == {"Content-Type", "AuthToken", "Range"}


def test_browsers_may_read_what_downloads_need(web: TestApp) -> None:
    answer = web.get("/", headers={"Origin": "https://app.example"})
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(exposed) == {"Content-Disposition", "Content-Range", "ETag", "Content-Length"}


def test_errors_may_be_read_by_browsers_too(web: TestApp) -> None:
    answer = web.get(COMPUTE, headers={"Origin": "https://app.example"}, status=400)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_origins_may_be_named() -> None:
    with changed(cors_origins=("https://app.example",)) as server:
        good = server.web.get("/", headers={"Origin": "https://app.example"})
        assert good.headers["Access-Control-Allow-Origin"] == "https://app.example"
        bad = server.web.get("/", headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in bad.headers
        assert bad.headers["Vary"] == "Origin"


def test_allow_lists_head_where_it_is_answered(web: TestApp, consumer: Consumer) -> None:
    allow = web.patch(COMPUTE, status=405).headers["Allow"]
    assert set(allow.split(", ")) == {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}
    token = web.post("/api/services/createAuthToken", status=405).headers["Allow"]
    assert "HEAD" not in token
    query = f"consumerAddress={consumer.address}"
    head, get = web.head(f"{COMPUTE}?{query}"), web.get(f"{COMPUTE}?{query}")
    assert head.headers["Content-Length"] == str(len(get.body))
