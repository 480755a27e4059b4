"""A job's life over HTTP, with the whole server in this process."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing
from dataclasses import replace

from compute_ref.settings import Settings
from compute_ref.testing import compute_app as app_with
from compute_ref.testing.kit import DATASET, ComputeApp, sample_ddo
from tests.compute_ref.assets.conftest import Script

COMPUTE = "/api/services/compute"
PATIENCE = 20  # seconds; far below what a fetch waits for a silent server


def test_a_start_is_answered_with_one_job_that_warms_up(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    answer = consumer.start("instant: stay")
    assert answer.status_int == 200, answer.text
    (job,) = answer.json
    assert (job["status"], job["statusText"]) == (1, "Warming up")
    assert (job["owner"], job["documentId"]) == (consumer.address, DATASET)
    assert (job["results"], job["dateFinished"], job["algoDID"]) == ([], None, "raw")
    assert len(job["jobId"]) == 32
    assert job["jobId"][-1] in "ghijklmnopqrstuvwxyz"


def test_a_finished_job_shows_outputs_then_logs_and_each_downloads(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: write b.txt two\ninstant: write a.txt one").json[0]["jobId"]
    job = compute_app.finished(job_id)
    assert (job["status"], job["finishReason"]) == (70, "completed")
    assert [r["filename"] for r in job["results"]][:3] == ["a.txt", "b.txt", "algorithm.log"]
    assert [r["index"] for r in job["results"]] == list(range(len(job["results"])))
    answer = consumer.result(job_id, 1)
    assert (answer.status_int, answer.body) == (200, b"two\n")
    assert answer.headers["Content-Disposition"] == "attachment;filename=b.txt"
    assert answer.headers["Cache-Control"] == "no-store"
    assert consumer.result(job_id, 99).status_int == 404


def test_a_part_of_a_result_needs_a_fresh_nonce_and_a_wrong_part_spends_none(
    compute_app: ComputeApp,
) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: write a.txt 12345").json[0]["jobId"]
    compute_app.finished(job_id)
    part = consumer.result(job_id, 0, Range="bytes=1-2")
    assert (part.status_int, part.body) == (206, b"23")
    assert part.headers["Content-Range"] == "bytes 1-2/6"
    before = compute_app.web.get("/api/services/nonce", {"userAddress": consumer.address}).json
    assert consumer.result(job_id, 0, Range="bytes=90-").status_int == 416
    after = compute_app.web.get("/api/services/nonce", {"userAddress": consumer.address}).json
    assert before == after
    same = {"If-None-Match": part.headers["ETag"]}
    assert consumer.result(job_id, 0, **same).status_int == 304


def test_stop_acknowledges_with_7_and_the_job_ends_at_70_stopped(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: stay").json[0]["jobId"]
    compute_app.reached(job_id, lambda job: job["status"] == 40)
    answer = consumer.stop(job_id)
    assert answer.status_int == 200, answer.text
    assert (answer.json[0]["status"], answer.json[0]["stopreq"]) == (7, 1)
    job = compute_app.finished(job_id)
    assert (job["status"], job["finishReason"], job["stopreq"]) == (70, "stopped", 1)
    assert "algorithmLog" in [result["type"] for result in job["results"]]


def test_delete_acknowledges_with_8_and_nothing_is_left(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start("instant: stay").json[0]["jobId"]
    compute_app.reached(job_id, lambda job: job["status"] == 40)
    (job,) = consumer.delete(job_id).json
    assert (job["status"], job["removed"], job["results"]) == (8, 1, [])
    assert consumer.jobs() == []
    assert consumer.delete(job_id).status_int == 404
    data_dir = compute_app.app.services.settings.server.data_dir
    assert not list((data_dir / "jobs").glob(f"*{job_id}*"))


def test_a_final_job_runs_again_under_its_id(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    (first,) = consumer.start().json
    compute_app.finished(first["jobId"])
    job_id = first["jobId"]
    again = compute_app.web.post_json(COMPUTE, {**consumer.signed(job_id), "jobId": job_id})
    (job,) = again.json
    assert (job["jobId"], job["status"], job["results"]) == (job_id, 1, [])
    assert job["dateCreated"] == first["dateCreated"]
    ended = compute_app.reached(
        job_id, lambda j: j["dateFinished"] is not None and j["statusHistory"][-1]["run"] == 2
    )
    assert ended["finishReason"] == "completed"
    differs = {"meta": {"rawcode": "other", "container": {"entrypoint": "sh $ALGO"}}}
    body = {**consumer.signed(job_id), "jobId": job_id, "algorithm": differs}
    refused = compute_app.web.post_json(COMPUTE, body, expect_errors=True)
    assert (refused.status_int, refused.json) == (400, {"error": {"jobId": "restart_differs"}})


def test_parallel_starts_lose_none_and_take_none_twice(compute_app: ComputeApp) -> None:
    consumers = [compute_app.consumer() for _ in range(20)]
    answers: list[int] = []

    def begin(number: int) -> None:
        answers.append(consumers[number % 20].start().status_int)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs = [job for consumer in consumers for job in consumer.jobs()]
    assert len(jobs) == answers.count(200)
    assert set(answers) <= {200, 400}  # of one account's parallel nonces a late lower one is used
    assert len({job["jobId"] for job in jobs}) == len(jobs)
    for job in jobs:
        assert compute_app.finished(job["jobId"])["finishReason"] == "completed"
    assert compute_app.instant.most_at_once <= 4


def fetching_anywhere(settings: Settings) -> Settings:
    return replace(settings, fetching=replace(settings.fetching, allow_private_urls=True))


def test_a_stop_lets_go_of_a_server_of_data_that_answers_nothing() -> None:
    asked = threading.Event()

    def silent(connection: socket.socket, ended: threading.Event) -> None:
        asked.set()
        ended.wait()

    ddo = sample_ddo()
    with closing(Script(silent)) as script, app_with(fetching_anywhere) as server:
        ddo["services"][0]["files"] = [{"type": "url", "url": script.url}]
        (server.catalogue / "sample.json").write_text(json.dumps(ddo))
        consumer = server.consumer()
        job_id = consumer.start().json[0]["jobId"]
        assert asked.wait(PATIENCE)
        (fetching,) = (t for t in threading.enumerate() if t.name == f"provisioning {job_id}")
        assert consumer.stop(job_id).status_int == 200
        assert server.finished(job_id)["finishReason"] == "stopped"
        fetching.join(PATIENCE)
        assert not fetching.is_alive()
