"""A job's way through a healthy engine."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from compute_ref.jobs.model import FinishReason, Job, ResultType, Status, StopRequest
from compute_ref.jobs.provisioning import AlgorithmFailed, DataFailed
from compute_ref.jobs.turn import PARTING
from compute_ref.plugins import hookimpl
from compute_ref.refusals import JobUnknown
from compute_ref.settings import Queue, Retention
from tests.compute_ref.jobs.conftest import MakeWorld, World, launch_as_before
from tests.compute_ref.jobs.test_shortage import none_left


def test_a_job_passes_the_statuses_of_the_page_in_order(world: World) -> None:
    job = world.final(world.submit())
    assert [passage.status for passage in job.history] == [1, 10, 20, 30, 40, 50, 60, 70]
    assert job.finished == world.clock.now()
    assert job.finish_reason is FinishReason.COMPLETED
    assert job.exit_code == 0


def test_outputs_come_first_by_name_then_logs(world: World) -> None:
    job = world.final(world.submit("write b 1", "write a/z 2", "log hello"))
    assert [(r.filename, r.type) for r in job.results] == [
        ("a/z", ResultType.OUTPUT),
        ("b", ResultType.OUTPUT),
        ("algorithm.log", ResultType.ALGORITHM_LOG),
        ("configuration.log", ResultType.CONFIGURATION_LOG),
    ]
    assert world.result(job, "a/z") == b"2\n"
    assert world.result(job, "algorithm.log") == b"hello\n"


def test_a_silent_algorithm_still_has_a_log_with_the_servers_own_line(world: World) -> None:
    job = world.final(world.submit())
    assert b"ended by itself" in world.result(job, "algorithm.log")


@pytest.mark.parametrize(
    ("line", "reason", "code"),
    [
        ("exit 3", FinishReason.FAILED, 3),
        ("end oom", FinishReason.OUT_OF_MEMORY, 0),
        ("end storage", FinishReason.STORAGE, 0),
        ("end evicted", FinishReason.EVICTED, 0),
        ("end lost", FinishReason.LOST, 0),
        ("end backend", FinishReason.BACKEND, 0),
        ("end timeout", FinishReason.TIMEOUT, 0),
    ],
)
def test_how_a_run_ended_is_told_apart(
    world: World, line: str, reason: FinishReason, code: int
) -> None:
    job = world.final(world.submit(line, "write a 1"))
    assert (job.status, job.finish_reason, job.exit_code) == (70, reason, code)
    assert job.finish_message.endswith(".")
    sound = reason not in {FinishReason.LOST, FinishReason.BACKEND}
    assert (job.results[0].filename == "a") is sound


def test_a_backend_that_ended_a_run_for_time_shows_the_time_limit(world: World) -> None:
    assert world.final(world.submit("end timeout")).stop_request is StopRequest.TIME_LIMIT


@pytest.mark.parametrize(
    ("half", "failure", "status", "reason"),
    [
        ("provide_data", DataFailed, 31, FinishReason.DATA_PROVISIONING),
        ("provide_algorithm", AlgorithmFailed, 32, FinishReason.ALGORITHM_PROVISIONING),
    ],
)
def test_failed_provisioning_ends_at_its_own_status_with_the_reason_in_both_logs(
    world: World, half: str, failure: type[Exception], status: int, reason: FinishReason
) -> None:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise failure("The file at https://secret.example/x was not there.")

    setattr(world, half, fail)
    job = world.final(world.submit())
    assert (job.status, job.finish_reason) == (status, reason)
    for name in ("algorithm.log", "configuration.log"):
        text = world.result(job, name)
        assert b"was not there" in text
        assert b"secret.example" not in text


def test_an_algorithm_that_the_backend_cannot_run_ends_at_32(world: World) -> None:
    job = world.final(world.submit("refuse"))
    assert (job.status, job.finish_reason) == (32, FinishReason.ALGORITHM_PROVISIONING)
    assert not job.finish_message.startswith("The environment failed")


def test_the_run_is_gone_from_backend_and_disk_but_for_its_results(world: World) -> None:
    job = world.final(world.submit("write a 1"))
    world.await_idle()
    assert world.backend.runs == {}
    root = world.workspaces.run(job.job_id, 1).root
    assert [entry.name for entry in root.iterdir()] == ["results"]


def test_places_are_never_exceeded_by_200_jobs_started_at_once(world: World) -> None:
    ids = [world.accept("write a 1", owner=f"owner{n % 20}") for n in range(200)]
    threads = [threading.Thread(target=world.engine.submit, args=(i,)) for i in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    jobs = [world.final(job_id) for job_id in ids]
    assert {job.finish_reason for job in jobs} == {FinishReason.COMPLETED}
    assert world.backend.most_at_once <= 2
    assert all(run.launches == 1 for run in world.backend.runs.values())


def test_first_come_first_served(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=1).open()
    ids = [world.submit() for _ in range(20)]
    for job_id in ids:
        world.final(job_id)
    started = [job_id for job_id, _, status in world.watcher.seen if status == 40]
    assert started == ids


def test_jobs_that_stay_hold_their_places_and_the_rest_waits(world: World) -> None:
    ids = [world.submit("stay") for _ in range(3)]
    for job_id in ids[:2]:
        world.await_status(job_id, 40)
    assert world.engine.current_jobs("local") == 2
    assert world.store.get(ids[2]).status is Status.WARMING_UP
    world.backend.finish(world.launched(ids[0]))
    world.await_status(ids[2], 40)
    assert world.engine.current_jobs("local") == 2


def test_an_environment_without_places_runs_nothing_but_its_jobs_can_be_stopped(
    make_world: MakeWorld,
) -> None:
    world = make_world(maxJobs=0).open()
    job_id = world.submit()
    assert world.engine.current_jobs("local") == 0
    world.store.ask_stop([job_id], None)
    world.engine.stop([job_id])
    job = world.store.get(job_id)
    assert (job.status, job.finish_reason) == (70, FinishReason.STOPPED)
    assert world.backend.calls == {("list", ""): 1} or not world.backend.runs


def test_submitting_twice_runs_once(world: World) -> None:
    job_id = world.accept("stay")
    for _ in range(5):
        world.engine.submit(job_id)
    world.await_status(job_id, 40)
    assert world.engine.current_jobs("local") == 1
    assert world.backend.runs[world.launched(job_id)].launches == 1


def test_a_restart_runs_again_in_a_folder_of_its_own_and_drops_the_old_results(
    world: World,
) -> None:
    job = world.final(world.submit("write a 1"))
    old = world.workspaces.run(job.job_id, 1).root
    assert old.is_dir()
    world.store.restart(job.job_id, job.owner, world.store.plan(job.job_id), None, Queue())
    world.engine.submit(job.job_id)
    again = world.final(job.job_id)
    assert (again.run, again.status) == (2, 70)
    assert world.result(again, "a") == b"1\n"
    world.await_idle()
    assert not old.exists()


def test_plug_ins_see_every_change_in_order(world: World) -> None:
    job_id = world.submit()
    world.final(job_id)
    world.await_(lambda: (job_id, 1, 70) in world.watcher.seen)
    seen = [status for seen_id, _, status in world.watcher.seen if seen_id == job_id]
    assert seen == [10, 20, 30, 40, 50, 60, 70]


def test_results_brought_elsewhere_have_their_did(world: World) -> None:
    class Publisher:
        @hookimpl
        def publish_results(self, job: Job, folder: Path, output: Mapping[str, Any] | None) -> str:
            assert (folder / "a").read_text() == "1\n"
            return "did:op:published"

    world.plugins.register(Publisher())
    assert world.final(world.submit("write a 1")).results_did == "did:op:published"


def test_what_a_filter_changes_and_removes_is_what_is_published(world: World) -> None:
    class Filter:
        @hookimpl
        def filter_results(self, job: Job, folder: Path) -> None:
            (folder / "a").write_text("redacted")
            (folder / "b").unlink()

    world.plugins.register(Filter())
    job = world.final(world.submit("write a secret", "write b secret"))
    assert world.result(job, "a") == b"redacted"
    assert job.results[0].filesize == len("redacted")
    assert "b" not in [result.filename for result in job.results]


def test_more_output_files_than_allowed_publish_logs_only(make_world: MakeWorld) -> None:
    world = make_world(maxOutputFiles=2).open()
    job = world.final(world.submit("write a 1", "write b 1", "write c 1"))
    assert job.finish_reason is FinishReason.STORAGE
    assert {result.type for result in job.results}.isdisjoint({ResultType.OUTPUT})


def test_an_engine_removes_all_of_a_record_that_expired(make_world: MakeWorld) -> None:
    world = make_world()
    world.retention = Retention(record_expiry=10)
    job_id = world.left_at(70, finished=world.clock.now())
    engine = world.make()
    launch_as_before(world, job_id)
    world.clock.advance(10)
    engine._watchdog._expiry.look()
    with pytest.raises(JobUnknown):
        world.store.get(job_id, deleting=True)
    assert world.backend.runs == {}
    assert not world.workspaces.run(job_id, 1).root.parent.exists()


def test_an_engine_removes_results_by_the_time_of_their_environment(
    make_world: MakeWorld,
) -> None:
    world = make_world(storageExpiry=10)
    job_id = world.left_at(70, finished=world.clock.now())
    engine = world.make()
    world.clock.advance(10)
    engine._watchdog._expiry.look()
    assert world.store.get(job_id).results_expired


class Worker:
    """A thread that never ends, and how long somebody waits for it."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def join(self, seconds: float) -> None:
        self.waited.append(seconds)


def test_the_end_gives_workers_a_moment(closed_world: World) -> None:
    engine, worker = closed_world.make(), Worker()
    turn = engine._new_turn(closed_world.store.get(closed_world.accept()))
    assert turn is not None
    turn.worker = worker  # type: ignore[assignment]
    engine.close()
    assert 0 < worker.waited[0] <= PARTING


def test_a_job_that_finds_no_thread_gives_its_place_back(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=1).open()
    with pytest.MonkeyPatch.context() as short:
        short.setattr(threading.Thread, "start", none_left)
        world.submit()
        assert world.idle
    assert world.final(world.submit()).finish_reason is FinishReason.COMPLETED
