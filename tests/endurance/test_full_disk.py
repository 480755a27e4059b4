"""The disk is full at every step of a job: it is told, nothing is lost, and it goes on later."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from compute_ref.clock import Clock
from compute_ref.jobs.model import FinishReason
from compute_ref.jobs.store import Store
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.builders import ROOMY, job, plan
from tests.endurance.conftest import Tell
from tests.endurance.disks import SmallDisk, small_disk
from tests.endurance.forms import form
from tests.endurance.live import (
    COMPUTE,
    Consumer,
    Live,
    awaited,
    call,
    final_job,
    final_jobs,
    prepare,
    processes_of,
    publish,
)

MIB = 2**20
LARGE = "did:op:" + "5" * 64
ROUNDS = form(3, 30)
ENVIRONMENTS = """
min_free_disk = {floor}
[deadlines]
watchdog = 1
[[environments]]
id = "local"
backend = "local"
maxJobs = 3
maxJobDuration = 120
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "data", 48) as made:
        yield made


def configured(tmp_path: Path, floor: int = 0) -> Path:
    configuration = prepare(tmp_path, ENVIRONMENTS.format(floor=floor))
    (tmp_path / "assets" / "large").write_bytes(bytes(16 * MIB))
    publish(tmp_path / "assets", {"type": "file", "path": "large"}, LARGE)
    return configuration


@pytest.fixture
def server(tmp_path: Path, disk: SmallDisk) -> Iterator[Live]:
    with Live(configured(tmp_path)) as made:
        yield made
        assert_works(made)


def assert_works(server: Live) -> None:
    """A new job of a new consumer goes all the way."""
    consumer = Consumer()
    job_id = consumer.started(server.netloc, 'cat "$INPUTS"/*/0 > "$OUTPUTS/copy"')
    assert final_job(consumer, server, job_id)["finishReason"] == "completed", server.log()
    assert consumer.result(server.netloc, job_id, 0).body == b"1 2 3\n"


def log_of(consumer: Consumer, server: Live, job: dict[str, Any]) -> str:
    (index,) = [one["index"] for one in job["results"] if one["type"] == "algorithmLog"]
    return consumer.result(server.netloc, job["jobId"], index).body.decode()


def test_a_start_below_the_floor_is_refused_and_costs_nothing(
    tmp_path: Path, disk: SmallDisk
) -> None:
    consumer = Consumer()
    with Live(configured(tmp_path, floor=32 * MIB)) as server:
        disk.fill(16 * MIB)
        body = consumer.start_body("true", "0x1")
        refused = call(server.netloc, "POST", COMPUTE, body=body)
        assert refused.status == 503, refused.body
        assert "disk" in refused.json["error"].lower()
        disk.empty()
        assert call(server.netloc, "POST", COMPUTE, body=body).status == 200
        assert len(final_jobs(consumer, server, 1)) == 1


def test_a_start_that_cannot_be_stored_is_refused_and_costs_nothing(
    server: Live, disk: SmallDisk
) -> None:
    consumer = Consumer()
    body = consumer.start_body("true", "0x1" + "0" * 60)
    body["algorithm"]["meta"]["rawcode"] = "true #" + "x" * 100_000  # more than a page's rest
    disk.fill()
    refused = call(server.netloc, "POST", COMPUTE, body=body)
    assert refused.status == 503, refused.body
    assert consumer.jobs(server.netloc) == []
    disk.empty()
    accepted = call(server.netloc, "POST", COMPUTE, body=body)
    assert accepted.status == 200, accepted.body
    assert len(final_jobs(consumer, server, 1)) == 1


def test_inputs_that_find_no_room_are_31_with_the_reason_and_fit_later(
    server: Live, disk: SmallDisk
) -> None:
    consumer = Consumer()
    disk.fill(8 * MIB)
    job_id = consumer.started(server.netloc, 'cat "$INPUTS"/*/0 | wc -c', dataset=LARGE)
    job = final_job(consumer, server, job_id)
    assert (job["status"], job["finishReason"]) == (31, "dataProvisioning")
    assert "No space left" in job["finishMessage"]
    assert "No space left" in log_of(consumer, server, job)
    disk.empty()
    body = {**consumer.signed(job_id), "jobId": job_id}
    assert call(server.netloc, "POST", COMPUTE, body=body).status == 200
    job = final_job(consumer, server, job_id)
    assert job["finishReason"] == "completed"
    assert log_of(consumer, server, job) == f"{16 * MIB}\n"


def test_an_algorithm_that_finds_no_room_ends_and_leaves_room_again(
    server: Live, disk: SmallDisk
) -> None:
    other, consumer = Consumer(), Consumer()
    kept = other.started(server.netloc, 'echo kept > "$OUTPUTS/kept"')
    assert final_job(other, server, kept)["finishReason"] == "completed"
    job_id = consumer.started(server.netloc, 'head -c 99999999 /dev/zero > "$OUTPUTS/all"')
    job = final_job(consumer, server, job_id)
    assert job["status"] == 70
    assert job["finishReason"] in {"failed", "backend"}, job
    assert "algorithmLog" in [result["type"] for result in job["results"]]
    assert other.result(server.netloc, kept, 0).body == b"kept\n"
    assert disk.free > 32 * MIB


def test_a_disk_that_is_full_when_an_algorithm_ends_does_not_hide_how(
    server: Live, disk: SmallDisk
) -> None:
    consumer = Consumer()
    waiting = 'echo > "$OUTPUTS/up"; until [ -e "$OUTPUTS/go" ]; do sleep 0.1; done; exit 7'
    job_id = consumer.started(server.netloc, waiting)
    outputs = server.jobs / job_id / "1" / "outputs"
    awaited(lambda: (outputs / "up").exists() or None, server)
    disk.fill()
    (outputs / "go").touch()
    awaited(lambda: not processes_of(job_id) or None, server)
    disk.empty()
    job = final_job(consumer, server, job_id)
    assert job["finishReason"] in {"failed", "backend"}, job
    assert job["algorithmExitCode"] == 7, job


def test_results_that_find_no_room_are_told_and_other_peoples_stay(
    server: Live, disk: SmallDisk
) -> None:
    other, consumer = Consumer(), Consumer()
    kept = other.started(server.netloc, 'echo kept > "$OUTPUTS/kept"')
    assert final_job(other, server, kept)["finishReason"] == "completed"
    job_id = consumer.started(server.netloc, 'head -c 30000000 /dev/zero > "$OUTPUTS/all"')
    job = final_job(consumer, server, job_id)
    assert (job["status"], job["finishReason"]) == (70, "backend")
    assert "No space left" in job["finishMessage"], job
    assert "No space left" in log_of(consumer, server, job)
    assert other.result(server.netloc, kept, 0).body == b"kept\n"
    assert disk.free > 32 * MIB


def test_a_compaction_that_finds_no_room_leaves_the_store_as_it_was(disk: SmallDisk) -> None:
    store = Store.open(disk.folder, Clock())
    names = [f"job{number:04d}z" for number in range(200)]
    for number, name in enumerate(names):
        store.accept(job(name), plan(f"0x{number:x}"), None, ROOMY)
    disk.fill(64 * 1024)
    with pytest.raises((OSError, StoreUnavailable)):
        store.compact()
    assert {path.name for path in disk.folder.glob("store.*")} == {"store.journal", "store.lock"}
    disk.empty()
    store.accept(job("another"), plan("0xabc"), None, ROOMY)
    store.compact()
    store.close()
    again = Store.open(disk.folder, Clock())
    assert [again.get(name).job_id for name in [*names, "another"]] == [*names, "another"]
    again.close()


def test_a_disk_that_fills_up_again_and_again_loses_no_acknowledged_job(
    tmp_path: Path, disk: SmallDisk, tell: Tell
) -> None:
    configuration, customers = configured(tmp_path), [Customer() for _ in range(4)]
    with Live(configuration) as server:
        with all_at_it(customers, server):
            for _ in range(ROUNDS):
                pause(0.5)
                disk.fill()
                pause(1)
                disk.empty()
        ended = [customer.finals(server) for customer in customers]
        server.kill()
    with Live(configuration) as server:
        assert [customer.finals(server) for customer in customers] == ended
        assert_works(server)
    accepted = sum(len(customer.accepted) for customer in customers)
    refused = sum(customer.refused for customer in customers)
    reasons = Counter(reason for finals in ended for reason in finals.values())
    tell(f"{ROUNDS} full disks: {accepted} jobs kept, {refused} starts refused; {dict(reasons)}")
    assert accepted
    assert refused
    assert FinishReason.LOST not in reasons


@dataclass
class Customer:
    """Starts jobs as fast as it can."""

    consumer: Consumer = field(default_factory=Consumer)
    accepted: set[str] = field(default_factory=set)
    refused: int = 0

    def buy(self, netloc: str) -> None:
        answer = self.consumer.start(netloc, 'echo once >> "$OUTPUTS/runs"')
        assert answer.status in (200, 503), answer.body
        if answer.status == 200:
            self.accepted.add(answer.json[0]["jobId"])
        else:
            self.refused += 1

    def finals(self, server: Live) -> dict[str, str]:
        """How each job ended, once all have; they are those that were accepted."""
        jobs = final_jobs(self.consumer, server, len(self.accepted))
        assert {job["jobId"] for job in jobs} == self.accepted
        return {job["jobId"]: job["finishReason"] for job in jobs}


@contextmanager
def all_at_it(customers: list[Customer], server: Live) -> Iterator[None]:
    """Each customer on a thread of its own; what failed in one is raised at the end."""
    over = threading.Event()

    def work(customer: Customer) -> None:
        while not over.wait(0.05):
            customer.buy(server.netloc)

    with ThreadPoolExecutor(len(customers)) as pool:
        working = [pool.submit(work, customer) for customer in customers]
        try:
            yield
        finally:
            over.set()
        for one in working:
            one.result()


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)
