"""Each door that the signing scheme leaves open, tried."""

from __future__ import annotations

from typing import Any

import pytest

from compute_ref.testing.consumers import COMPUTE, RESULT, Consumer
from compute_ref.testing.kit import DATASET, ComputeApp

TOKEN = "/api/services/createAuthToken"
INVALID = {"signature": ["Invalid signature provided."]}


def finished(app: ComputeApp, consumer: Consumer) -> str:
    job_id: str = consumer.start().json[0]["jobId"]
    app.finished(job_id)
    return job_id


def query(fields: dict[str, Any]) -> str:
    return COMPUTE + "?" + "&".join(f"{name}={value}" for name, value in fields.items())


def test_a_signature_without_a_job_opens_no_list(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    answer = compute_app.web.get(COMPUTE, consumer.signed(), expect_errors=True)
    assert answer.status_int == 400
    assert "signature" in answer.json["errors"]


def test_a_signed_poll_makes_no_token_and_starts_nothing(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = finished(compute_app, consumer)
    poll = consumer.signed(job_id, DATASET)
    seen = compute_app.web.get(COMPUTE, {**poll, "jobId": job_id, "documentId": DATASET})
    assert "algorithmLogUrl" in seen.json[0]
    token = {
        "address": consumer.address,
        "signature": poll["signature"],
        "nonce": poll["nonce"],
        "expiration": int(compute_app.clock.now()) + 100,
    }
    assert compute_app.web.get(TOKEN, token, expect_errors=True).json["errors"] == INVALID
    assert consumer.start(signature=poll["signature"], nonce=poll["nonce"]).status_int == 400
    stop_all = compute_app.web.put(query(poll), expect_errors=True)
    assert stop_all.json["errors"] == INVALID


def test_a_stop_cannot_be_sent_again_as_a_delete(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = finished(compute_app, consumer)
    signed = {**consumer.signed(job_id), "jobId": job_id}
    assert compute_app.web.put(query(signed)).status_int == 200
    assert compute_app.web.delete(query(signed), expect_errors=True).status_int == 400
    assert len(consumer.jobs()) == 1


def test_a_used_download_url_opens_nothing_again_however_it_is_split(
    compute_app: ComputeApp,
) -> None:
    consumer = compute_app.consumer()
    lines = "\n".join(f"instant: write {number:02}.txt x" for number in range(15))
    job_id = consumer.start(lines).json[0]["jobId"]
    compute_app.finished(job_id)
    signed = consumer.signed(job_id, "12", nonce="3")
    first = {**signed, "jobId": job_id, "index": "12"}
    assert compute_app.web.get(RESULT, first).status_int == 200
    shifted = {**first, "index": "1", "nonce": "23"}
    assert compute_app.web.get(RESULT, shifted, expect_errors=True).status_int == 400
    assert compute_app.web.get(RESULT, first, expect_errors=True).status_int == 400


def test_a_used_download_url_stops_restarts_and_deletes_nothing(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = finished(compute_app, consumer)
    first = {**consumer.signed(job_id, "1", nonce="5"), "jobId": job_id, "index": "1"}
    assert compute_app.web.get(RESULT, first).status_int == 200
    joined = {name: value for name, value in first.items() if name != "index"} | {"nonce": "15"}
    for call in (compute_app.web.put, compute_app.web.delete):
        assert "nonce" in call(query(joined), expect_errors=True).json["errors"]
    restart = compute_app.web.post_json(COMPUTE, joined, expect_errors=True)
    assert "nonce" in restart.json["errors"]
    assert [job["status"] for job in consumer.jobs()] == [70]


@pytest.mark.parametrize("method", ["put", "delete"])
def test_another_accounts_job_is_unknown(compute_app: ComputeApp, method: str) -> None:
    owner, thief = compute_app.consumer(), compute_app.consumer()
    job_id = finished(compute_app, owner)
    signed = {**thief.signed(job_id), "jobId": job_id}
    answer = getattr(compute_app.web, method)(query(signed), expect_errors=True)
    assert answer.status_int == 404
    assert thief.result(job_id).status_int == 404
    body = {**thief.signed(job_id), "jobId": job_id}
    assert compute_app.web.post_json(COMPUTE, body, expect_errors=True).status_int == 404
    forged = {**owner.signed(job_id), "consumerAddress": thief.address, "jobId": job_id}
    assert getattr(compute_app.web, method)(query(forged), expect_errors=True).status_int == 400
    assert len(owner.jobs()) == 1


def test_a_wrong_signature_is_never_taken_for_none(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = finished(compute_app, consumer)
    wrong = {"consumerAddress": consumer.address, "jobId": job_id, "signature": "0x" + "11" * 65}
    assert compute_app.web.get(COMPUTE, wrong, expect_errors=True).json["errors"] == INVALID
    plain = {"consumerAddress": consumer.address}
    answer = compute_app.web.get(COMPUTE, plain, headers={"AuthToken": "x"}, expect_errors=True)
    assert answer.json["errors"] == INVALID


def test_a_token_opens_lists_and_an_unsigned_nonce_beside_it_locks_nobody_out(
    compute_app: ComputeApp,
) -> None:
    consumer = compute_app.consumer()
    job_id = finished(compute_app, consumer)
    signed = consumer.signed()
    wanted = {
        "address": consumer.address,
        "signature": signed["signature"],
        "nonce": signed["nonce"],
        "expiration": int(compute_app.clock.now()) + 100,
    }
    token = {"AuthToken": compute_app.web.get(TOKEN, wanted).json["token"]}
    plain = {"consumerAddress": consumer.address, "nonce": "9007199254740991"}
    (job,) = compute_app.web.get(COMPUTE, plain, headers=token).json
    assert "resultsUrls" in job
    fields = {**plain, "index": "0"}
    assert compute_app.web.get(RESULT, fields, headers=token).status_int == 200
    assert consumer.result(job_id).status_int == 200
    compute_app.clock.advance(101)
    late = compute_app.web.get(COMPUTE, plain, headers=token, expect_errors=True)
    assert late.status_int == 400


def test_what_ocean_js_signs_for_stop_and_delete_is_taken(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: stay").json[0]["jobId"]
    compute_app.reached(job_id, lambda job: job["status"] == 40)
    stop = {
        "consumerAddress": consumer.address,
        "jobId": job_id,
        "nonce": "9007199254740991",
        "signature": consumer.account.sign(consumer.address + job_id),
    }
    assert compute_app.web.put_json(COMPUTE, stop).json[0]["status"] == 7
    compute_app.finished(job_id)
    asked = {"userAddress": consumer.address}
    implied = compute_app.web.get("/api/services/nonce", asked).json["nonce"] + 1
    text = f"{consumer.address}{job_id}{DATASET}{implied}"
    delete = {
        "consumerAddress": consumer.address,
        "jobId": job_id,
        "documentId": DATASET,
        "signature": consumer.account.sign(text),
    }
    assert compute_app.web.delete_json(COMPUTE, delete).json[0]["status"] == 8
    assert compute_app.web.get("/api/services/nonce", asked).json["nonce"] == implied
