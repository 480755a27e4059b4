"""Weeks of a moved clock: what expires does so in time, and what is bound stays bound."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from compute_ref.settings import Settings
from compute_ref.testing import ComputeApp, compute_app
from compute_ref.testing.consumers import COMPUTE, Consumer
from compute_ref.testing.kit import sample_ddo
from tests.endurance.conftest import Tell
from tests.endurance.forms import form

DAY = 86_400
WEEKS = form(3, 12)
RESULTS, RECORD, ORDER, TOKEN = 3, 14, 7, 10  # days that they live
PATIENCE = 90  # seconds of real time


def configured(settings: Settings) -> Settings:
    catalogue = settings.catalogue.path
    ddo = sample_ddo()
    ddo["services"][0]["timeout"] = ORDER * DAY
    (catalogue / "sample.json").write_text(json.dumps(ddo))
    environment = replace(settings.environments[0], storageExpiry=RESULTS * DAY, maxJobs=2)
    return replace(
        settings,
        environments=(environment,),
        retention=replace(settings.retention, record_expiry=RECORD * DAY),
        queue=replace(settings.queue, max_queued=3, max_queued_per_owner=2),
    )


@pytest.fixture
def app() -> Iterator[ComputeApp]:
    with compute_app(configured) as made:
        yield made


@dataclass
class Kept:
    """A job of one day, and what it was begun with."""

    day: int
    job_id: str
    order: dict[str, str]
    body: dict[str, Any]


def begin(consumer: Consumer, day: int) -> Kept:
    body = consumer.order()
    answer = consumer.web.post_json(COMPUTE, body, expect_errors=True)
    assert answer.status_int == 200, answer.text
    return Kept(day, answer.json[0]["jobId"], body["dataset"], body)


def await_jobs(consumer: Consumer, wanted: set[str]) -> None:
    """Return once exactly these are there: the watchdog removes what has expired."""
    until = time.monotonic() + PATIENCE
    while (found := {job["jobId"] for job in consumer.jobs()}) != wanted:
        assert time.monotonic() < until, found ^ wanted


def test_jobs_results_orders_and_nonces_over_weeks(app: ComputeApp, tell: Tell) -> None:
    consumer, stranger = app.consumer(), app.consumer()
    kept: list[Kept] = []
    checked = 0
    for day in range(7 * WEEKS):
        one = begin(consumer, day)
        app.finished(one.job_id)
        kept.append(one)
        app.clock.advance(DAY)
        alive = {one.job_id for one in kept if day + 1 - one.day < RECORD}
        await_jobs(consumer, alive)
        for one in kept[-RECORD - 2 :: 3]:
            assert_as_old_as_it_is(consumer, stranger, one, day + 1 - one.day)
            checked += 1
    tell(f"{len(kept)} jobs in {7 * WEEKS} days, {len(alive)} of them left, {checked} looked at")


def assert_as_old_as_it_is(consumer: Consumer, stranger: Consumer, one: Kept, age: int) -> None:
    """`age` is in days."""
    assert consumer.result(one.job_id).status_int == (200 if age < RESULTS else 404)
    shown = consumer.jobs(jobId=one.job_id)
    if age < RECORD:
        assert bool(shown[0]["results"]) == (age < RESULTS)
        assert shown[0].get("resultsExpired", False) == (age >= RESULTS)
    else:
        assert shown == []
    again = consumer.web.post_json(COMPUTE, one.body, expect_errors=True)
    assert "nonce" in again.json["errors"]
    assert stranger.start(dataset=one.order).json == {
        "error": {"dataset.serviceId": "order_invalid"}
    }
    if age > ORDER:
        assert consumer.start(dataset=one.order).status_int == 400


def test_an_order_that_lives_can_be_used_again_by_its_consumer(app: ComputeApp) -> None:
    consumer = app.consumer()
    one = begin(consumer, 0)
    app.finished(one.job_id)
    assert consumer.delete(one.job_id).status_int == 200
    app.clock.advance((ORDER - 1) * DAY)
    assert consumer.start(dataset=one.order).status_int == 200
    app.clock.advance(2 * DAY)
    assert consumer.start(dataset=one.order).json == {
        "error": {"dataset.serviceId": "order_invalid"}
    }


def test_tokens_and_revocations_over_weeks(app: ComputeApp) -> None:
    consumer = app.consumer()

    def opens(token: str) -> bool:
        query = {"consumerAddress": consumer.address}
        answer = app.web.get(COMPUTE, query, {"AuthToken": token}, expect_errors=True)
        return bool(answer.status_int == 200)

    kept = consumer.token(int(app.clock.now()) + TOKEN * DAY)
    revoked = consumer.token(int(app.clock.now()) + TOKEN * DAY + 1)
    query = {**consumer.signed(), "address": consumer.address, "token": revoked}
    assert app.web.delete_json("/api/services/deleteAuthToken", query).status_int == 200
    for day in range(2 * TOKEN):
        assert (opens(kept), opens(revoked)) == (day < TOKEN, False), day
        app.clock.advance(DAY)


def test_places_in_the_queue_are_kept_over_weeks(app: ComputeApp) -> None:
    """Two run; of three that may wait one owner has two, and time changes nothing."""
    busy, owner, other = app.consumer(), app.consumer(), app.consumer()
    for _ in range(2):
        started = busy.start("instant: stay").json[0]["jobId"]
        app.reached(started, lambda job: job["status"] == 40)
    waiting = [owner.start().json[0]["jobId"] for _ in range(2)]
    refused = owner.start()
    assert (refused.status_int, "Retry-After" in refused.headers) == (503, True)
    waiting.append(other.start().json[0]["jobId"])
    assert other.start().status_int == 503
    for job_id in waiting:
        assert app.web.get(COMPUTE, {"jobId": job_id}).json[0]["status"] == 1
    app.clock.advance(7 * DAY)  # ends what runs, by its time limit
    for job_id in waiting:
        assert app.finished(job_id)["finishReason"] == "completed"
    assert owner.start().status_int == 200
