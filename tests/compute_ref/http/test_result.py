"""computeResult: what is sent, to whom, and what it costs."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from webtest import TestApp

from compute_ref.http.files import content_type, download_name
from compute_ref.settings import Settings
from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp

RESULT = "/api/services/computeResult"
BODY = b"forty-two\n"


def nonce_of(web: TestApp, consumer: Consumer) -> int:
    nonce: int = web.get("/api/services/nonce", {"userAddress": consumer.address}).json["nonce"]
    return nonce


def test_a_result_comes_whole_with_its_headers(consumer: Consumer, finished: str) -> None:
    answer = consumer.result(finished)
    assert answer.body == BODY
    assert answer.headers["Content-Disposition"] == "attachment;filename=answer.txt"
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["Content-Length"] == str(len(BODY))
    assert answer.headers["ETag"] == f'"{hashlib.sha256(BODY).hexdigest()}"'
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("asked", "body", "told"),
    [
        ("bytes=0-0", b"f", "bytes 0-0/10"),
        ("bytes=6-", b"two\n", "bytes 6-9/10"),
        ("bytes=-4", b"two\n", "bytes 6-9/10"),
        ("bytes=-99", BODY, "bytes 0-9/10"),
        ("bytes=3-99", b"ty-two\n", "bytes 3-9/10"),
        ("Bytes=0-0", b"f", "bytes 0-0/10"),
    ],
)
def test_one_range_is_sent_as_206(
    consumer: Consumer, finished: str, asked: str, body: bytes, told: str
) -> None:
    answer = consumer.result(finished, Range=asked)
    assert (answer.status_int, answer.body) == (206, body)
    assert answer.headers["Content-Range"] == told
    assert answer.headers["Content-Length"] == str(len(body))


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "bytes=5-2", "bytes=-", "lines=1-2", "x"])
def test_ranges_that_are_not_one_range_of_bytes_are_ignored(
    consumer: Consumer, finished: str, asked: str
) -> None:
    answer = consumer.result(finished, Range=asked)
    assert (answer.status_int, answer.body) == (200, BODY)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=-0", "bytes=999999999999999999-"])
def test_a_range_outside_is_416_and_spends_nothing(
    web: TestApp, consumer: Consumer, finished: str, asked: str
) -> None:
    before = nonce_of(web, consumer)
    answer = consumer.result(finished, Range=asked)
    assert answer.status_int == 416
    assert answer.headers["Content-Range"] == "bytes */10"
    assert "Content-Disposition" not in answer.headers
    assert set(answer.json) == {"error"}
    assert nonce_of(web, consumer) == before


def test_if_range_sends_the_part_only_of_the_same_file(consumer: Consumer, finished: str) -> None:
    tag = consumer.result(finished).headers["ETag"]
    assert consumer.result(finished, **{"Range": "bytes=0-1", "If-Range": tag}).status_int == 206
    other = {"Range": "bytes=0-1", "If-Range": '"other"'}
    assert consumer.result(finished, 0, **other).status_int == 200


@pytest.mark.parametrize("spelling", ["{0}", "W/{0}", '"x", {0}', "*"])
def test_a_file_that_the_client_has_is_304(
    consumer: Consumer, finished: str, spelling: str
) -> None:
    tag = consumer.result(finished).headers["ETag"]
    answer = consumer.result(finished, 0, **{"If-None-Match": spelling.format(tag)})
    assert (answer.status_int, answer.body) == (304, b"")
    assert answer.headers["ETag"] == tag


def test_head_tells_all_and_spends_nothing(web: TestApp, consumer: Consumer, finished: str) -> None:
    before = nonce_of(web, consumer)
    query = {**consumer.signed(finished, "0"), "jobId": finished, "index": "0"}
    text = "&".join(f"{name}={value}" for name, value in query.items())
    told = web.head(f"{RESULT}?{text}")
    assert told.headers["Content-Length"] == "10"
    assert nonce_of(web, consumer) == before
    assert web.get(f"{RESULT}?{text}").body == BODY
    assert web.head(f"{RESULT}?{text}", expect_errors=True).status_int == 400


def test_each_download_needs_its_own_nonce(web: TestApp, consumer: Consumer, finished: str) -> None:
    query = {**consumer.signed(finished, "0"), "jobId": finished, "index": "0"}
    assert web.get(RESULT, query).body == BODY
    assert set(web.get(RESULT, query, status=400).json["errors"]) == {"nonce"}


def test_an_index_left_out_is_signed_as_0(web: TestApp, consumer: Consumer, finished: str) -> None:
    query = {**consumer.signed(finished, "0"), "jobId": finished}
    assert web.get(RESULT, query).body == BODY


@pytest.mark.parametrize("index", ["-1", "01", "1.0", "x", "1e1", "²"])
def test_an_index_is_a_plain_decimal(
    web: TestApp, consumer: Consumer, finished: str, index: str
) -> None:
    query = {**consumer.signed(finished, index), "jobId": finished, "index": index}
    assert set(web.get(RESULT, query, status=400).json["errors"]) == {"index"}


def test_what_is_not_there_is_404_and_spends_nothing(
    web: TestApp, consumer: Consumer, stranger: Consumer, finished: str
) -> None:
    before = nonce_of(web, consumer)
    for index in ("99", "1000000000", "9" * 5000):
        query = {**consumer.signed(finished, index), "jobId": finished, "index": index}
        assert web.get(RESULT, query, status=404)
    assert consumer.result("f" * 31 + "z").status_int == 404
    assert stranger.result(finished).status_int == 404
    assert nonce_of(web, consumer) == before


def test_a_job_that_still_runs_has_no_results(consumer: Consumer, running: str) -> None:
    answer = consumer.result(running)
    assert answer.status_int == 404
    assert "no results yet" in answer.json["error"]


def test_a_token_opens_the_most_recently_finished_job_when_none_is_named(
    server: ComputeApp, web: TestApp, consumer: Consumer
) -> None:
    first = consumer.start("instant: stay").json[0]["jobId"]
    server.reached(first, lambda job: job["status"] == 40)
    server.clock.advance(1)
    second = consumer.start("instant: write answer.txt second").json[0]["jobId"]
    server.finished(second)
    server.clock.advance(1)
    token = {"AuthToken": consumer.token(int(server.clock.now()) + 900)}
    who = {"consumerAddress": consumer.address}
    assert web.get(RESULT, who, headers=token).body == b"second\n"
    server.clock.advance(1)
    consumer.stop(first)
    server.finished(first)
    name = web.get(RESULT, who, headers=token).headers["Content-Disposition"]
    assert name == "attachment;filename=algorithm.log"


def test_a_job_may_not_be_left_out_with_a_signature(
    web: TestApp, consumer: Consumer, finished: str
) -> None:
    answer = web.get(RESULT, consumer.signed("0"), status=400)
    assert set(answer.json["errors"]) == {"jobId"}


def test_all_that_is_missing_is_listed(web: TestApp) -> None:
    assert set(web.get(RESULT, status=400).json["errors"]) == {
        "consumerAddress",
        "jobId",
        "signature",
        "nonce",
    }


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("a b.txt", "a_b.txt"),
        ("sub/deep/c.csv", "c.csv"),
        ('x";\r\ny', "x____y"),
        ("ü", "_"),
        ("sub/", "_"),
        ("%0A.txt", "_0A.txt"),
    ],
)
def test_download_names_are_plain(filename: str, name: str) -> None:
    assert download_name(filename) == name


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a.html", "application/octet-stream"),
        ("a.HTM", "application/octet-stream"),
        ("a.svg", "application/octet-stream"),
        ("a.xhtml", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
        ("a.tar.gz", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_what_a_browser_would_run_is_sent_as_bytes(filename: str, kind: str) -> None:
    assert content_type(filename) == kind


def test_expired_results_are_404_with_the_reason() -> None:
    from compute_ref.testing import compute_app

    def short_lived(settings: Settings) -> Settings:
        (environment,) = settings.environments
        return replace(settings, environments=(replace(environment, storageExpiry=60),))

    with compute_app(short_lived) as server:
        consumer = server.consumer()
        job_id = consumer.start().json[0]["jobId"]
        server.finished(job_id)
        assert consumer.result(job_id).status_int == 200
        server.clock.advance(60)
        answer = consumer.result(job_id)
        assert answer.status_int == 404
        assert "expired" in answer.json["error"]
        (job,) = consumer.status(job_id).json
        assert (job["results"], job["resultsExpired"], job["resultsUrls"]) == ([], True, [])
        assert consumer.restart(job_id).json[0]["status"] == 1
