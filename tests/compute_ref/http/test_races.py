"""Many at once: nothing is lost, nothing is taken twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import pytest

from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp

COMPUTE = "/api/services/compute"
T = TypeVar("T")


def in_parallel(calls: Sequence[Callable[[], T]]) -> list[T]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def until_accepted(consumer: Consumer) -> tuple[str, str, str]:
    """Start one job as a client would whose neighbour uses the same account.

    Returns the account's address, the job's id and the nonce.
    """
    while True:
        asked = {"userAddress": consumer.address}
        nonce = consumer.web.get("/api/services/nonce", asked).json["nonce"] + 1
        signed = consumer.signed(consumer.dataset, nonce=str(nonce))
        answer = consumer.start(**signed)
        if answer.status_int == 200:
            return consumer.address, answer.json[0]["jobId"], signed["nonce"]
        assert set(answer.json["errors"]) == {"nonce"}, answer.text


def test_200_parallel_starts_of_20_accounts_lose_none_and_take_none_twice(
    server: ComputeApp,
) -> None:
    consumers = [server.consumer() for _ in range(20)]
    started: list[tuple[str, str, str]] = []
    for _ in range(5):  # rounds of 40, so that the machine is busy and not overrun
        started += in_parallel([partial(until_accepted, who) for who in consumers * 2])
    assert len({job_id for _, job_id, _ in started}) == 200
    assert len({(address, nonce) for address, _, nonce in started}) == 200
    for consumer in consumers:
        mine = {job_id for address, job_id, _ in started if address == consumer.address}
        assert {job["jobId"] for job in consumer.jobs()} == mine
        for job_id in mine:
            assert server.finished(job_id)["finishReason"] == "completed"
    assert server.instant.most_at_once <= 4


def test_of_one_nonce_sent_many_times_exactly_one_is_accepted(
    server: ComputeApp, consumer: Consumer
) -> None:
    bodies = [consumer.order(**consumer.signed(consumer.dataset, nonce="9")) for _ in range(12)]
    answers = in_parallel(
        [partial(consumer.web.post_json, COMPUTE, b, expect_errors=True) for b in bodies]
    )
    assert sorted(answer.status_int for answer in answers) == [200] + [400] * 11
    assert len(consumer.jobs()) == 1


def test_of_one_download_message_sent_many_times_exactly_one_is_served(
    consumer: Consumer, finished: str
) -> None:
    query = {**consumer.signed(finished, "0"), "jobId": finished, "index": "0"}
    answers = in_parallel(
        [
            lambda: consumer.web.get("/api/services/computeResult", query, status="*")
            for _ in range(8)
        ]
    )
    assert sorted(answer.status_int for answer in answers) == [200] + [400] * 7
    refused = [answer for answer in answers if answer.status_int == 400]
    assert all(answer.content_type == "application/json" for answer in refused)


def test_of_racing_deletes_the_later_ones_are_not_found(consumer: Consumer, running: str) -> None:
    bodies = [{**consumer.signed(running), "jobId": running} for _ in range(4)]
    answers = in_parallel(
        [partial(consumer.web.delete_json, COMPUTE, b, expect_errors=True) for b in bodies]
    )
    found = sorted(answer.status_int for answer in answers)
    assert found.count(200) == 1
    assert set(found) <= {200, 400, 404}  # 400 where a later nonce came first
    assert consumer.jobs() == []


@pytest.mark.parametrize(("ask", "code"), [("ask_stop", 7), ("ask_delete", 8)])
def test_a_job_that_goes_meanwhile_is_left_out_where_none_was_named(
    server: ComputeApp, consumer: Consumer, monkeypatch: pytest.MonkeyPatch, ask: str, code: int
) -> None:
    going, staying = (consumer.start("instant: stay").json[0]["jobId"] for _ in range(2))
    store = server.app.services.store
    usual, delete, gone = getattr(store, ask), store.ask_delete, [going]

    def late(*asked: Any) -> Any:
        while gone:
            delete([gone.pop()], None)
        return usual(*asked)

    monkeypatch.setattr(store, ask, late)
    call = consumer.stop if ask == "ask_stop" else consumer.delete
    answer = call(document_id=consumer.dataset)
    assert answer.status_int == 200, answer.text
    assert [(job["jobId"], job["status"]) for job in answer.json] == [(staying, code)]
