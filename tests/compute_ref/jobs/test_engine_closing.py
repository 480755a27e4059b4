"""The server closes while jobs are under way: they stay as they are for the next one."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from compute_ref.jobs import engine, publishing
from compute_ref.jobs.endings import COMPLETED
from compute_ref.jobs.mailbox import Left
from compute_ref.jobs.model import FinishReason, Status
from compute_ref.jobs.turn import Turn
from compute_ref.settings import Queue
from tests.compute_ref.jobs.conftest import MakeWorld, World


def test_closing_leaves_the_algorithm_running_and_the_job_as_it_is(world: World) -> None:
    job_id = world.submit("stay")
    world.await_status(job_id, 40)
    world.engine.close()
    assert world.store.get(job_id).status is Status.RUNNING
    assert world.backend.running == 1
    world.open()
    world.backend.finish(world.launched(job_id))
    assert world.final(job_id).finish_reason is FinishReason.COMPLETED


def test_closing_leaves_a_job_in_the_queue(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=0).open()
    job_id = world.submit()
    world.engine.close()
    assert world.store.get(job_id).status is Status.WARMING_UP
    assert world.open(maxJobs=1).final(job_id).finish_reason is FinishReason.COMPLETED


def test_a_closed_engine_begins_nothing(world: World) -> None:
    world.engine.close()
    job_id = world.submit()
    assert world.idle
    assert world.store.get(job_id).status is Status.WARMING_UP


@pytest.mark.parametrize("work", ["fresh", "untidy"])
def test_closing_waits_only_so_long_for_work_on_folders(
    closed_world: World, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a worker, and that of the watchdog."""
    working, released = threading.Event(), threading.Event()
    usual = getattr(closed_world.workspaces, work)

    def hang(*about: Any) -> Any:
        working.set()
        released.wait()
        return usual(*about)

    monkeypatch.setattr(engine, "PARTING", 0.01)
    monkeypatch.setattr(closed_world.workspaces, work, hang)
    closed_world.accept()
    closed_world.open()
    assert working.wait(20)
    closed_world.engine.close()
    released.set()


def test_closing_at_any_moment_loses_no_job(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=3).open()
    ids = [world.submit("write a 1") for _ in range(40)]
    for _ in range(2):  # a third time would count as provisioning that cannot succeed
        world.open()
    jobs = [world.final(job_id, nudge=1) for job_id in ids]
    assert {job.finish_message for job in jobs} == {COMPLETED}
    assert [world.result(job, "a") for job in jobs] == [b"1\n"] * 40


def test_storing_that_comes_back_after_a_restart_changes_no_results(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released, ended = threading.Event(), threading.Event(), threading.Event()
    usual = publishing._with_logs

    def late(*arguments: Any) -> Any:
        if begun.is_set():
            return usual(*arguments)
        begun.set()
        released.wait(20)
        try:
            return usual(*arguments)
        finally:
            ended.set()

    monkeypatch.setattr(publishing, "_with_logs", late)
    job_id = world.submit("write a 1")
    assert begun.wait(20)
    job = world.open().final(job_id)
    released.set()
    assert ended.wait(20)
    assert world.result(job, "a") == b"1\n"


def test_a_worker_left_over_from_the_last_run_cannot_touch_the_next(world: World) -> None:
    job = world.final(world.submit())
    turn = Turn(world.engine._house, world.environment, world.backend, job)
    world.engine.close()
    again = world.store.restart(job.job_id, job.owner, world.store.plan(job.job_id), None, Queue())
    with pytest.raises(Left):
        turn.change(lambda found: replace(found, finish_message="mine"))
    assert world.store.get(job.job_id) == again
