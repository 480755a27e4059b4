"""The server went down and is back: every job goes on as the page's life cycle says."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute_ref.jobs.model import FinishReason, Job, Moment, ResultType, Status, StopRequest
from compute_ref.plugins import hookimpl
from compute_ref.refusals import JobUnknown
from tests.compute_ref.jobs.conftest import MakeWorld, World, launch_as_before


@pytest.mark.parametrize("status", [1, 10, 20, 30])
def test_a_job_that_was_not_launched_is_provisioned_again_under_the_status_reached(
    closed_world: World, status: int
) -> None:
    world = closed_world
    job_id = world.left_at(status, "write a 1", launched=False) if status > 1 else world.accept()
    job = world.open().final(job_id)
    assert (job.status, job.finish_reason) == (70, FinishReason.COMPLETED)
    codes = [passage.status for passage in job.history]
    assert codes == sorted(set(codes))
    assert job.attempts == (2 if status > 1 else 1)


def test_provisioning_is_not_begun_a_fourth_time(closed_world: World) -> None:
    world = closed_world
    job_id = world.left_at(20, launched=False, attempts=3)
    job = world.open().final(job_id)
    assert (job.status, job.finish_reason) == (31, FinishReason.DATA_PROVISIONING)
    assert b"operator" in world.result(job, "algorithm.log")


def test_a_job_whose_name_is_stored_is_launched_under_it(closed_world: World) -> None:
    world = closed_world
    job_id = world.left_at(30, "write a 1")
    job = world.open().final(job_id)
    assert (job.finish_reason, job.attempts) == (FinishReason.COMPLETED, 1)
    assert world.result(job, "a") == b"1\n"


def test_an_algorithm_that_was_launched_before_the_status_was_stored_runs_once(
    closed_world: World,
) -> None:
    world = closed_world
    job_id = world.left_at(30, "stay")
    launch_as_before(world, job_id)
    world.open()
    world.await_status(job_id, 40)
    name = world.launched(job_id)
    assert world.backend.runs[name].launches == 2  # the second found the first
    assert world.backend.most_at_once == 1
    world.backend.finish(name)
    assert world.final(job_id).finish_reason is FinishReason.COMPLETED


def test_a_running_algorithm_is_taken_up_again(closed_world: World) -> None:
    world = closed_world
    job_id = world.left_at(40, "stay", "write a 1")
    launch_as_before(world, job_id)
    world.open()
    name = world.launched(job_id)
    assert world.backend.await_call("wait", name)
    world.backend.finish(name)
    job = world.final(job_id)
    assert job.finish_reason is FinishReason.COMPLETED
    assert world.backend.calls["launch", name] == 1
    assert world.result(job, "a") == b"1\n"


def test_an_algorithm_that_ended_meanwhile_gives_its_results(closed_world: World) -> None:
    world = closed_world
    job_id = world.left_at(40, "write a 1", "exit 5")
    launch_as_before(world, job_id)
    job = world.open().final(job_id)
    assert (job.finish_reason, job.exit_code) == (FinishReason.FAILED, 5)
    assert world.result(job, "a") == b"1\n"


def test_an_algorithm_of_which_nothing_is_left_is_lost_and_its_outputs_too(
    closed_world: World,
) -> None:
    world = closed_world
    job_id = world.left_at(40)
    (world.workspaces.run(job_id, 1).outputs / "half").write_text("half")
    job = world.open().final(job_id)
    assert (job.status, job.finish_reason) == (70, FinishReason.LOST)
    assert job.results[0].type is ResultType.ALGORITHM_LOG


def test_the_time_that_the_server_was_away_counts(closed_world: World) -> None:
    world = closed_world
    job_id = world.left_at(40, "stay")
    launch_as_before(world, job_id)
    world.clock.advance(world.environment.maxJobDuration + world.deadlines.run_grace)
    job = world.open().final(job_id)
    assert (job.finish_reason, job.stop_request) == (FinishReason.TIMEOUT, StopRequest.TIME_LIMIT)


def test_after_a_reboot_the_wall_clock_counts(closed_world: World) -> None:
    world = closed_world
    since = Moment(world.clock.now() - 10_000, "another boot", 5.0)
    job_id = world.left_at(40, "stay", running_since=since)
    launch_as_before(world, job_id)
    assert world.open().final(job_id).finish_reason is FinishReason.TIMEOUT


@pytest.mark.parametrize("status", [50, 60])
def test_filtering_and_publishing_are_repeated_from_the_outputs(
    closed_world: World, status: int
) -> None:
    world = closed_world
    filtered: list[list[str]] = []

    class Filter:
        @hookimpl
        def filter_results(self, job: Job, folder: Path) -> None:
            filtered.append(sorted(path.name for path in folder.iterdir()))

    world.plugins.register(Filter())
    passed = (50,) if status == 60 else ()
    reason: dict[str, Any] = {"finish_reason": FinishReason.COMPLETED, "finish_message": "Done."}
    job_id = world.left_at(status, passed=passed, **reason)
    folders = world.workspaces.run(job_id, 1)
    (folders.outputs / "a").write_text("1")
    (folders.root / "collected").mkdir()
    (folders.root / "collected" / "half-filtered").write_text("secret")
    (folders.root / "draft").mkdir()
    job = world.open().final(job_id)
    assert filtered == [["a"]]
    assert job.results[0].filename == "a"
    assert job.finish_reason is FinishReason.COMPLETED


@pytest.mark.parametrize(
    "fields",
    [
        {"passed": (50,), "finish_reason": FinishReason.FILTERING},
        {"finish_reason": FinishReason.LOST},
        {"finish_reason": FinishReason.STOPPED},
    ],
)
def test_a_job_that_was_to_publish_logs_only_does_not_publish_outputs_after_all(
    closed_world: World, fields: dict[str, Any]
) -> None:
    world = closed_world
    job_id = world.left_at(60, **fields)
    (world.workspaces.run(job_id, 1).outputs / "a").write_text("1")
    job = world.open().final(job_id)
    assert job.finish_reason is fields["finish_reason"]
    assert ResultType.OUTPUT not in {result.type for result in job.results}


@pytest.mark.parametrize(("status", "launched"), [(1, False), (20, False), (30, True), (40, True)])
def test_a_stop_asked_before_the_server_went_down_is_done_after_it(
    closed_world: World, status: int, launched: bool
) -> None:
    world = closed_world
    job_id = world.left_at(status, "stay", launched=launched, attempts=0)
    world.store.ask_stop([job_id], None)
    if status == 40:
        launch_as_before(world, job_id)
    job = world.open().final(job_id, nudge=1)
    assert (job.status, job.finish_reason) == (70, FinishReason.STOPPED)
    assert world.backend.running == 0
    name = f"compute-ref-{job_id}-1"
    assert world.backend.calls["launch", name] == (1 if status == 40 else 0)


def test_a_delete_asked_before_the_server_went_down_is_finished(closed_world: World) -> None:
    world = closed_world
    job_id = world.left_at(40, "stay")
    launch_as_before(world, job_id)
    world.store.ask_delete([job_id], None)
    world.open()
    world.await_(lambda: world.store.unfinished() == [])
    with pytest.raises(JobUnknown):
        world.store.get(job_id, deleting=True)
    assert world.backend.runs == {}
    assert not world.workspaces.run(job_id, 1).root.parent.exists()


def test_running_jobs_keep_their_places_before_queued_ones(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=1)
    queued = world.accept()
    running = [world.left_at(40, "stay") for _ in range(2)]
    for job_id in running:
        launch_as_before(world, job_id)
    world.open()
    for job_id in running:
        assert world.backend.await_call("wait", f"compute-ref-{job_id}-1")
    assert world.engine.current_jobs("local") == 2
    world.backend.finish(f"compute-ref-{running[0]}-1")
    world.final(running[0])
    assert world.store.get(queued).status is Status.WARMING_UP
    world.backend.finish(f"compute-ref-{running[1]}-1")
    assert world.final(queued).finish_reason is FinishReason.COMPLETED


def test_find_is_asked_again_while_the_backend_is_away(closed_world: World) -> None:
    world = closed_world
    job_id = world.left_at(40)
    launch_as_before(world, job_id)
    world.backend.tell("unavailable find 3")
    world.backend.runs[f"compute-ref-{job_id}-1"].told = [["unavailable", "find", "3"]]
    assert world.open().final(job_id, nudge=1).finish_reason is FinishReason.COMPLETED


@pytest.mark.parametrize("how", ["hang", "raise", "lie"])
def test_a_find_that_misbehaves_ends_the_job(closed_world: World, how: str) -> None:
    world = closed_world
    job_id = world.left_at(40, f"{how} find", "stay")
    launch_as_before(world, job_id)
    job = world.open().final(job_id, nudge=30)
    assert job.finish_reason in {FinishReason.BACKEND, FinishReason.LOST}
    assert world.backend.running == 0


def test_a_job_of_an_environment_that_is_gone_ends_with_a_log(closed_world: World) -> None:
    world = closed_world
    job_id = world.accept()
    world.store.change(job_id, lambda job: replace(job, environment="gone"))
    job = world.open().final(job_id)
    assert job.finish_reason is FinishReason.BACKEND
    assert b"no longer configured" in world.result(job, "algorithm.log")


def test_what_may_run_of_an_environment_that_is_gone_is_told_and_ended_by_its_backend(
    closed_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = closed_world
    job_id = world.left_at(40, "stay", environment="gone")
    launch_as_before(world, job_id)
    assert world.backend.running == 1
    job = world.open().final(job_id)
    assert "may still run" in job.finish_message
    assert "operator" in job.finish_message
    assert world.launched(job_id) in caplog.text
    assert "gone" in caplog.text
    assert "could not be ended" not in caplog.text
    world.await_(lambda: world.backend.running == 0)  # another environment has that backend


def test_of_an_ended_algorithm_nothing_is_said_to_run(closed_world: World) -> None:
    job_id = closed_world.left_at(50, environment="gone")
    assert "may still run" not in closed_world.open().final(job_id).finish_message


def test_a_job_accepted_but_never_submitted_is_adopted_by_the_watchdog(world: World) -> None:
    job_id = world.accept()
    assert world.final(job_id, nudge=30).finish_reason is FinishReason.COMPLETED


def test_adoption_and_submission_at_once_make_one_run(world: World) -> None:
    for _ in range(20):
        job_id = world.accept("stay")
        threads = [
            threading.Thread(target=world.engine.submit, args=(job_id,)),
            threading.Thread(target=world.engine.adopt),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        world.await_status(job_id, 40)
        name = world.launched(job_id)
        assert world.backend.runs[name].launches == 1
        world.backend.finish(name)
        world.final(job_id)


def test_a_queued_job_with_a_stop_asked_needs_no_place_to_end(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=0)
    job_id = world.accept()
    world.store.ask_stop([job_id], None)
    assert world.open().final(job_id).finish_reason is FinishReason.STOPPED


def test_what_a_kill_between_the_last_status_and_the_tidying_left_is_removed(
    closed_world: World,
) -> None:
    workspaces = closed_world.workspaces
    again = closed_world.left_at(70, run=2, finished=1.0, launched=False)
    (workspaces.ready(again, 2).root / "results").mkdir()
    gone, unfinished = "job99999z", closed_world.left_at(50)
    (workspaces.ready(gone, 1).inputs / "data").write_text("somebody's")
    (workspaces.run(unfinished, 1).outputs / "x").write_text("1")
    jobs = workspaces.run(again, 1).root.parents[1]
    closed_world.open()
    closed_world.await_(lambda: not (jobs / gone).exists())
    closed_world.await_(lambda: [p.name for p in (jobs / again).glob("*/*")] == ["results"])
    assert [path.name for path in (jobs / again).iterdir()] == ["2"]
    assert closed_world.result(closed_world.final(unfinished), "x") == b"1"
