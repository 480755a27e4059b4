"""POST compute with jobId: the same job once more (reading R10)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp

CODE = "instant: write answer.txt forty-two"


def meta(code: str = CODE, **more: Any) -> dict[str, Any]:
    return {"meta": {"rawcode": code, "container": {"entrypoint": "sh $ALGO"}, **more}}


def dataset(consumer: Consumer, order: str, **more: Any) -> dict[str, Any]:
    fields = {"documentId": consumer.dataset, "serviceId": "compute", "transferTxId": order}
    return {**fields, **more}


def test_a_restart_begins_the_next_run_under_the_same_id(
    server: ComputeApp, consumer: Consumer, finished: str
) -> None:
    (before,) = consumer.jobs(jobId=finished)
    server.clock.advance(5)
    (again,) = consumer.restart(finished).json
    assert (again["jobId"], again["status"]) == (finished, 1)
    assert again["dateCreated"] == before["dateCreated"]
    assert (again["dateFinished"], again["finishReason"], again["stopreq"]) == (None, None, 0)
    assert (again["results"], again["algorithmExitCode"]) == ([], None)
    assert again["statusHistory"][-1]["run"] == 2
    assert again["statusHistory"][:-1] == before["statusHistory"]
    ended = server.reached(finished, lambda job: job["dateFinished"] is not None)
    assert float(ended["dateFinished"]) > float(before["dateFinished"])
    assert consumer.result(finished).body == b"forty-two\n"


def test_what_is_given_again_may_be_the_same(
    server: ComputeApp, consumer: Consumer, finished: str
) -> None:
    order = consumer.jobs(jobId=finished)[0]["agreementId"]
    same = {
        "dataset": dataset(consumer, order),
        "algorithm": meta(),
        "additionalDatasets": [],
        "environment": "instant",
    }
    assert consumer.restart(finished, **same).json[0]["status"] == 1


def test_a_new_order_is_bound_and_shown(
    server: ComputeApp, consumer: Consumer, stranger: Consumer, finished: str
) -> None:
    (again,) = consumer.restart(finished, dataset=dataset(consumer, "0xABC")).json
    assert again["agreementId"] == "0xabc"
    refused = stranger.start(dataset=dataset(consumer, "0xabc"))
    assert refused.json == {"error": {"dataset.serviceId": "order_invalid"}}


@pytest.mark.parametrize(
    "changed",
    [
        {"algorithm": meta("other")},
        {"algorithm": meta(language="python")},
        {"algorithm": meta(unknownKey=1)},
        {"algorithm": {**meta(), "algocustomdata": {"x": 1}}},
        {"algorithm": {**meta(), "userdata": {"x": 1}}},
        {"environment": "elsewhere"},
        {"output": {"publish": True}},
        {"additionalDatasets": [{"documentId": "did:op:" + "e" * 64}]},
    ],
)
def test_anything_else_that_differs_is_refused(
    consumer: Consumer, finished: str, changed: dict[str, Any]
) -> None:
    answer = consumer.restart(finished, **changed)
    assert (answer.status_int, answer.json) == (400, {"error": {"jobId": "restart_differs"}})


def test_another_service_or_userdata_differs(consumer: Consumer, finished: str) -> None:
    for more in ({"serviceId": "other"}, {"userdata": {"q": 1}}):
        answer = consumer.restart(finished, dataset=dataset(consumer, "0x1", **more))
        assert answer.json == {"error": {"jobId": "restart_differs"}}


def test_a_job_that_goes_on_is_not_restarted(consumer: Consumer, running: str) -> None:
    answer = consumer.restart(running)
    assert (answer.status_int, answer.json) == (400, {"error": {"jobId": "not_final"}})


def test_the_checks_are_made_anew(server: ComputeApp, consumer: Consumer, finished: str) -> None:
    (server.catalogue / "sample.json").unlink()
    answer = consumer.restart(finished)
    assert answer.json == {"error": {"dataset.documentId": "did_not_found"}}


def test_of_racing_restarts_one_wins_and_the_others_spend_nothing(
    server: ComputeApp, consumer: Consumer, finished: str
) -> None:
    server.instant.tell("stay")
    bodies = [{**consumer.signed(finished), "jobId": finished} for _ in range(6)]
    answers = in_parallel(
        [
            partial(server.web.post_json, "/api/services/compute", body, expect_errors=True)
            for body in bodies
        ]
    )
    assert sorted(answer.status_int for answer in answers) == [200, 400, 400, 400, 400, 400]
    (winner,) = (i for i, answer in enumerate(answers) if answer.status_int == 200)
    shown = server.web.get("/api/services/nonce", {"userAddress": consumer.address}).json
    assert str(shown["nonce"]) == bodies[winner]["nonce"]
    assert consumer.jobs(jobId=finished)[0]["statusHistory"][-1]["run"] == 2


def in_parallel(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    answers: list[Any] = [None] * len(calls)

    def call(place: int) -> None:
        answers[place] = calls[place]()

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
