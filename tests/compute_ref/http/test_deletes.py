"""DELETE /api/services/compute: a job and all that is of it goes, but not the order it used."""

from __future__ import annotations

from compute_ref.testing.consumers import Consumer
from compute_ref.testing.kit import ComputeApp


def test_a_delete_answers_8_and_leaves_nothing(
    server: ComputeApp, consumer: Consumer, running: str
) -> None:
    (job,) = consumer.delete(running).json
    assert (job["status"], job["statusText"], job["removed"], job["results"]) == (
        8,
        "Job deleted successfully",
        1,
        [],
    )
    assert consumer.jobs() == []
    assert server.instant.running == 0
    jobs = server.app.services.settings.server.data_dir / "jobs"
    assert list(jobs.iterdir()) == []
    assert consumer.delete(running).status_int == 404


def test_a_delete_by_document_takes_all_of_the_callers_and_no_others(
    consumer: Consumer, stranger: Consumer
) -> None:
    consumer.start()
    consumer.start()
    stranger.start()
    assert len(consumer.delete(document_id=consumer.dataset).json) == 2
    assert consumer.jobs() == []
    assert len(stranger.jobs()) == 1
    assert consumer.delete(document_id=consumer.dataset).json == []


def test_a_delete_needs_a_job_or_a_document(consumer: Consumer, finished: str) -> None:
    answer = consumer.delete()
    assert answer.status_int == 400
    assert set(answer.json["errors"]) == {"jobId", "documentId"}


def test_an_order_outlives_its_job_and_serves_nobody_else(
    consumer: Consumer, stranger: Consumer, finished: str
) -> None:
    order = consumer.jobs(jobId=finished)[0]["agreementId"]
    consumer.delete(finished)
    dataset = {
        "documentId": consumer.dataset,
        "serviceId": "compute",
        "transferTxId": order.upper().replace("0X", "0x"),
    }
    assert stranger.start(dataset=dataset).json == {"error": {"dataset.serviceId": "order_invalid"}}
    assert consumer.start(dataset=dataset).status_int == 200
