"""/api/services/compute: start, look, stop."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestApp

from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp

COMPUTE = "/api/services/compute"
RESULT = "/api/services/computeResult"
OTHER_DID = "did:op:" + "e" * 64
PRIVATE = ("algorithmLogUrl", "resultsUrls", "resultsDid", "finishMessage", "algorithmExitCode")


def test_a_start_answers_with_one_status_object_at_1(
    consumer: Consumer, server: ComputeApp
) -> None:
    (job,) = consumer.start().json
    assert (job["status"], job["statusText"]) == (1, "Warming up")
    assert job["owner"] == consumer.address
    assert job["documentId"] == server.dataset == job["inputDID"][0]
    assert job["algoDID"] == "raw"
    assert job["dateCreated"] == "1700000000.000000"
    assert (job["dateFinished"], job["finishReason"]) == (None, None)
    assert (job["stopreq"], job["removed"], job["results"]) == (0, 0, [])


def test_job_ids_have_one_length_and_end_in_a_letter_that_is_no_hex_digit(
    consumer: Consumer,
) -> None:
    ids = [consumer.start().json[0]["jobId"] for _ in range(8)]
    assert all(re.fullmatch(r"[0-9a-f]{31}[g-z]", job_id) for job_id in ids)
    assert len(set(ids)) == 8


def test_an_owner_of_any_case_is_shown_in_checksum_case(consumer: Consumer, web: TestApp) -> None:
    lower = consumer.address.lower()
    text = lower + consumer.dataset + "1"
    body: dict[str, Any] = {
        **consumer.signed(consumer.dataset),
        "consumerAddress": lower,
        "nonce": 1,
        "signature": consumer.account.sign(text),
    }
    (job,) = consumer.start(**body).json
    assert job["owner"] == consumer.address
    assert [j["jobId"] for j in consumer.jobs()] == [job["jobId"]]


@pytest.mark.parametrize("nonce", ["7", "7.25", "1644315615.24195", "9007199254740991"])
def test_a_json_number_is_signed_by_its_own_digits(
    consumer: Consumer, web: TestApp, nonce: str
) -> None:
    body = consumer.order(**consumer.signed(consumer.dataset, nonce=nonce))
    text = json.dumps(body).replace(f'"{nonce}"', nonce)
    answer = web.post(COMPUTE, text, content_type="application/json")
    assert answer.json[0]["status"] == 1


def test_a_final_job_shows_why_it_ended_and_what_it_passed(
    server: ComputeApp, consumer: Consumer, finished: str
) -> None:
    (job,) = consumer.jobs(jobId=finished)
    assert (job["status"], job["statusText"], job["finishReason"]) == (
        70,
        "Job completed",
        "completed",
    )
    assert [entry["status"] for entry in job["statusHistory"]][-1] == 70
    assert float(job["dateFinished"]) > 0
    assert [(r["filename"], r["type"], r["index"]) for r in job["results"]][:2] == [
        ("answer.txt", "output", 0),
        ("algorithm.log", "algorithmLog", 1),
    ]


def test_the_unsigned_view_hides_what_only_the_owner_may_see(
    consumer: Consumer, finished: str
) -> None:
    (job,) = consumer.jobs(jobId=finished)
    assert not set(PRIVATE) & set(job)
    assert all(set(r) == {"filename", "filesize", "type", "index"} for r in job["results"])


def test_the_signed_view_has_urls_in_index_order_without_credentials(
    consumer: Consumer, finished: str
) -> None:
    (job,) = consumer.status(finished).json
    assert set(PRIVATE) <= set(job)
    for index, url in enumerate(job["resultsUrls"]):
        assert url.startswith("http://localhost:80/api/services/computeResult?")
        assert f"index={index}" in url
        assert "signature" not in url
        assert "nonce" not in url
    assert job["algorithmLogUrl"] == job["resultsUrls"][1]
    assert job["algorithmExitCode"] == 0
    assert re.fullmatch("[0-9a-f]{64}", job["results"][0]["sha256"])
    assert job["resultsDid"] == ""


def test_a_signed_look_spends_no_nonce(web: TestApp, consumer: Consumer, finished: str) -> None:
    look = {**consumer.signed(finished, nonce="500"), "jobId": finished}
    for _ in range(3):
        assert "finishMessage" in web.get(COMPUTE, look).json[0]
    assert web.get("/api/services/nonce", {"userAddress": consumer.address}).json["nonce"] < 500


def test_a_signature_without_a_job_opens_no_list_but_a_token_does(
    server: ComputeApp, web: TestApp, consumer: Consumer, finished: str
) -> None:
    query = consumer.signed()
    assert web.get(COMPUTE, query, status=400).json["errors"].keys() == {"signature"}
    token = consumer.token(int(server.clock.now()) + 60)
    answer = web.get(COMPUTE, {"consumerAddress": consumer.address}, headers={"AuthToken": token})
    assert "finishMessage" in answer.json[0]


@pytest.mark.parametrize("call", ["get", "put", "delete", "result", "post"])
@pytest.mark.parametrize("wrong", ["signature", "token"])
def test_a_wrong_proof_is_never_a_silent_downgrade(
    web: TestApp, consumer: Consumer, finished: str, call: str, wrong: str
) -> None:
    query = {"consumerAddress": consumer.address, "jobId": finished, "nonce": "900"}
    headers = {"AuthToken": "a.b.c"} if wrong == "token" else {}
    if wrong == "signature":
        query["signature"] = consumer.account.sign("something else")
    path = RESULT if call == "result" else COMPUTE
    if call == "post":
        answer = web.post_json(path, query, headers=headers, status=400)
    else:
        verb = "GET" if call == "result" else call.upper()
        answer = web.request(path + "?" + joined(query), method=verb, headers=headers, status=400)
    assert answer.json["errors"] == {"signature": ["Invalid signature provided."]}


def test_a_wrong_signature_beside_a_right_token_is_refused(
    server: ComputeApp, web: TestApp, consumer: Consumer, finished: str
) -> None:
    token = consumer.token(int(server.clock.now()) + 60)
    query = {
        "consumerAddress": consumer.address,
        "jobId": finished,
        "nonce": "900",
        "signature": consumer.account.sign("something else"),
    }
    answer = web.get(COMPUTE, query, headers={"AuthToken": token}, status=400)
    assert "signature" in answer.json["errors"]


def test_a_look_needs_at_least_one_condition(web: TestApp) -> None:
    assert set(web.get(COMPUTE, status=400).json["errors"]) == {
        "consumerAddress",
        "documentId",
        "jobId",
        "agreementId",
    }


def test_conditions_narrow_each_other_and_no_match_is_an_empty_list(
    consumer: Consumer, stranger: Consumer, finished: str
) -> None:
    assert len(consumer.jobs(jobId=finished, documentId=consumer.dataset)) == 1
    assert consumer.jobs(documentId=OTHER_DID) == []
    assert stranger.jobs(jobId=finished) == []
    assert consumer.jobs(jobId="\0") == []


@pytest.mark.parametrize(
    "spelling", [str, str.upper, lambda order: order[2:], lambda order: order[2:].upper()]
)
def test_agreement_id_is_an_order_in_any_spelling_or_a_document(
    web: TestApp, consumer: Consumer, finished: str, spelling: Callable[[str], str]
) -> None:
    (job,) = consumer.jobs(jobId=finished)
    order = "0x" + spelling(job["agreementId"]).lower().removeprefix("0x")
    assert order == job["agreementId"]
    for text in (spelling(job["agreementId"]), job["documentId"]):
        found = web.get(COMPUTE, {"agreementId": text}).json
        assert [j["jobId"] for j in found] == [finished]


def test_lists_are_newest_first_with_limit_and_offset(consumer: Consumer) -> None:
    ids = [consumer.start().json[0]["jobId"] for _ in range(5)]
    assert [j["jobId"] for j in consumer.jobs()] == ids[::-1]
    assert [j["jobId"] for j in consumer.jobs(limit=2, offset=1)] == [ids[3], ids[2]]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"limit": "x"}])
def test_limit_and_offset_have_bounds(
    web: TestApp, consumer: Consumer, query: dict[str, Any]
) -> None:
    answer = web.get(COMPUTE, {"consumerAddress": consumer.address, **query}, status=400)
    assert set(answer.json["errors"]) == set(query)


def test_owner_is_a_synonym_and_differing_ones_are_refused(
    web: TestApp, consumer: Consumer, stranger: Consumer, finished: str
) -> None:
    assert len(web.get(COMPUTE, {"owner": consumer.address}).json) == 1
    both = {"owner": consumer.address, "consumerAddress": consumer.address.lower()}
    assert len(web.get(COMPUTE, both).json) == 1
    differ = {"owner": consumer.address, "consumerAddress": stranger.address}
    assert "owner" in web.get(COMPUTE, differ, status=400).json["errors"]


def test_a_stop_answers_7_once_the_algorithm_is_gone(
    server: ComputeApp, consumer: Consumer, running: str
) -> None:
    (job,) = consumer.stop(running).json
    assert (job["status"], job["statusText"], job["stopreq"]) == (7, "Job stopped", 1)
    assert server.instant.running == 0
    after = server.finished(running)
    assert (after["status"], after["finishReason"], after["stopreq"]) == (70, "stopped", 1)


def test_a_stop_leaves_a_final_job_as_it_is(consumer: Consumer, finished: str) -> None:
    before = consumer.jobs(jobId=finished)
    (answer,) = consumer.stop(finished).json
    assert (answer["status"], answer["stopreq"]) == (7, 0)
    assert answer["dateFinished"] == before[0]["dateFinished"]
    assert consumer.jobs(jobId=finished) == before


def test_a_stop_without_a_job_means_all_that_go_on(
    server: ComputeApp, consumer: Consumer, stranger: Consumer, finished: str
) -> None:
    mine = [consumer.start("instant: stay").json[0]["jobId"] for _ in range(2)]
    other = stranger.start("instant: stay").json[0]["jobId"]
    assert {j["jobId"] for j in consumer.stop().json} == set(mine)
    for job_id in mine:
        assert server.finished(job_id)["finishReason"] == "stopped"
    assert stranger.jobs(jobId=other)[0]["stopreq"] == 0
    assert consumer.stop().json == []


def test_a_stop_is_narrowed_by_document(consumer: Consumer, running: str) -> None:
    assert consumer.stop(document_id=OTHER_DID).json == []
    assert len(consumer.stop(document_id=consumer.dataset).json) == 1


@pytest.mark.parametrize("verb", ["stop", "delete"])
def test_job_and_document_that_do_not_belong_together_are_not_found(
    consumer: Consumer, finished: str, verb: str
) -> None:
    answer = getattr(consumer, verb)(finished, OTHER_DID)
    assert answer.status_int == 404
    assert "error" in answer.json


@pytest.mark.parametrize("verb", ["stop", "delete", "restart", "result"])
def test_other_peoples_jobs_and_unknown_ones_look_alike(
    stranger: Consumer, finished: str, verb: str
) -> None:
    foreign = getattr(stranger, verb)(finished)
    unknown = getattr(stranger, verb)("f" * 31 + "z")
    assert (foreign.status_int, foreign.json) == (404, unknown.json)
    assert unknown.status_int == 404


def test_a_refused_call_spends_no_nonce(web: TestApp, stranger: Consumer, finished: str) -> None:
    stranger.stop(finished)
    stranger.delete(finished)
    stranger.start(environment="nowhere")
    shown = web.get("/api/services/nonce", {"userAddress": stranger.address}).json
    assert shown == {"nonce": 1}


def test_a_nonce_is_accepted_once(consumer: Consumer, running: str) -> None:
    first = consumer.signed(running, nonce="77")
    again = consumer.web.put_json(COMPUTE, {**first, "jobId": running})
    assert again.status_int == 200
    refused = consumer.web.put_json(COMPUTE, {**first, "jobId": running}, status=400)
    assert set(refused.json["errors"]) == {"nonce"}


def test_put_and_delete_take_a_query_string_or_a_body(
    consumer: Consumer, web: TestApp, running: str
) -> None:
    body = {**consumer.signed(running), "jobId": running}
    assert web.put_json(COMPUTE, body).json[0]["status"] == 7
    body = {**consumer.signed(running), "jobId": running}
    assert web.delete_json(COMPUTE, body).json[0]["status"] == 8


def test_a_query_string_wins_over_a_body(
    consumer: Consumer, web: TestApp, stranger: Consumer, running: str
) -> None:
    query = {**consumer.signed(running), "jobId": running}
    answer = web.put_json(f"{COMPUTE}?{joined(query)}", {"jobId": "other"})
    assert answer.json[0]["jobId"] == running


def test_unknown_environments_are_refused_with_the_sentence_clients_know(
    consumer: Consumer,
) -> None:
    answer = consumer.start(environment="nowhere")
    assert (answer.status_int, answer.json) == (
        400,
        {"error": "Environment invalid or does not exist"},
    )


def test_identity_is_refused_before_the_environment(consumer: Consumer) -> None:
    answer = consumer.start(environment="nowhere", signature="0x" + "11" * 65)
    assert "signature" in answer.json["errors"]


def joined(query: dict[str, Any]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items())
