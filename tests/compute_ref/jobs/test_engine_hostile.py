"""Backends that hang, raise or lie: every job still ends, with a reason."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from compute_ref.jobs.model import FinishReason, ResultType, StopRequest
from compute_ref.jobs.store import Store
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Exit
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.conftest import (
    MakeWorld,
    World,
    assert_readable,
    assert_well_again,
)

VERBS = ("name", "launch", "find", "list", "wait", "stop", "remove")
FATAL = (
    "name",
    "launch",
    "wait",
)  # verbs that a job which runs and ends by itself cannot do without


@pytest.mark.parametrize("how", ["hang", "raise", "lie"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_job_ends_whatever_a_verb_of_its_backend_does(
    make_world: MakeWorld, verb: str, how: str
) -> None:
    world = make_world(maxJobs=1).open()
    world.backend.tell(f"{how} {verb}")
    job = world.final(world.submit("write a 1"), nudge=30)
    assert_readable(job)
    expected = FinishReason.BACKEND if verb in FATAL else FinishReason.COMPLETED
    if verb == "wait" and how == "hang":
        expected = FinishReason.TIMEOUT
    assert job.finish_reason is expected
    assert_well_again(world)


@pytest.mark.parametrize("how", ["hang", "raise", "lie"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_stop_ends_a_job_whatever_a_verb_of_its_backend_does(
    make_world: MakeWorld, verb: str, how: str
) -> None:
    world = make_world(maxJobs=1).open()
    world.backend.tell(f"{how} {verb}")
    job_id = world.submit("stay")
    assert world.backend.await_call(verb if verb in ("name", "launch") else "wait")
    world.store.ask_stop([job_id], None)
    stopped = threading.Thread(target=world.engine.stop, args=([job_id],))
    stopped.start()
    job = world.final(job_id, nudge=1)
    stopped.join(20)
    assert not stopped.is_alive()
    assert_readable(job)
    ends_alone = verb in ("name", "launch", "wait") and how != "hang"  # perhaps before the stop
    assert ends_alone or job.stop_request is StopRequest.ASKED
    assert_well_again(world)


@pytest.mark.parametrize("how", ["hang", "raise", "lie"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_delete_ends_whatever_a_verb_of_its_backend_does(
    make_world: MakeWorld, verb: str, how: str
) -> None:
    world = make_world(maxJobs=1).open()
    world.backend.tell(f"{how} {verb}")
    job_id = world.submit("stay")
    assert world.backend.await_call(verb if verb in ("name", "launch") else "wait")
    world.store.ask_delete([job_id], None)
    deleted = threading.Thread(target=world.engine.delete, args=([job_id],))
    deleted.start()
    world.await_(lambda: not deleted.is_alive(), nudge=1)
    assert world.store.unfinished() == []
    assert not world.workspaces.run(job_id, 1).root.parent.exists()
    assert_well_again(world)


@pytest.mark.parametrize("hang", ["launch", "wait", "stop"])
def test_a_stop_is_answered_within_the_grace_and_a_second(world: World, hang: str) -> None:
    world.backend.tell(f"hang {hang}")
    job_id = world.submit("stay")
    assert world.backend.await_call("launch" if hang == "launch" else "wait")
    world.store.ask_stop([job_id], None)
    begun = world.clock.ticks()
    answered: list[float] = []

    def stop() -> None:
        world.engine.stop([job_id])
        answered.append(world.clock.ticks() - begun)

    threading.Thread(target=stop, daemon=True).start()
    world.await_(lambda: answered, nudge=0.25)
    assert answered[0] <= world.deadlines.stop_grace + 1.25
    if hang == "wait":  # the run is over when the stop says so
        assert answered[0] < world.deadlines.stop_grace


def test_an_algorithm_that_its_backend_does_not_end_in_time_is_ended_by_the_engine(
    world: World,
) -> None:
    job_id = world.submit("stay", "write a 1")
    world.await_status(job_id, 40)
    job = world.final(job_id, nudge=300)
    assert (job.finish_reason, job.stop_request) == (FinishReason.TIMEOUT, StopRequest.TIME_LIMIT)
    assert job.exit_code == 143
    assert world.result(job, "a") == b"1\n"
    assert job.finished is not None
    ran = job.finished - next(p.at for p in job.history if p.status == 40)
    assert ran >= world.environment.maxJobDuration + world.deadlines.run_grace


def test_outputs_of_a_run_that_nobody_confirms_dead_are_not_published(world: World) -> None:
    world.backend.tell("hang stop")
    job_id = world.submit("stay", "write a 1")
    world.await_status(job_id, 40)
    job = world.final(job_id, nudge=300)
    assert job.finish_reason is FinishReason.TIMEOUT
    assert ResultType.OUTPUT not in {result.type for result in job.results}


def test_a_backend_that_is_away_for_a_while_is_asked_again(world: World) -> None:
    world.backend.tell("unavailable launch 3")
    job = world.final(world.submit(), nudge=1)
    assert job.finish_reason is FinishReason.COMPLETED


def test_a_backend_that_stays_away_ends_the_job_at_the_launch_deadline(world: World) -> None:
    world.backend.tell("unavailable launch 100000")
    job = world.final(world.submit(), nudge=10)
    assert job.finish_reason is FinishReason.BACKEND
    assert job.finished is not None
    assert job.finished - job.created >= world.deadlines.launch
    assert_well_again(world)


def untyped(*values: Any, **named: Any) -> Exit:
    """An Exit of values that its types do not allow."""
    return Exit(*values, **named)


@pytest.mark.parametrize("lie", [7, untyped("zero"), untyped(0, "gone"), untyped(0, message=None)])
def test_an_exit_that_is_none_ends_the_job(world: World, lie: Any) -> None:
    job_id = world.submit("stay")
    world.await_status(job_id, 40)
    run = world.backend.runs[world.launched(job_id)]
    run.end = lie
    with world.backend._changed:
        world.backend._changed.notify_all()
    assert world.final(job_id).finish_reason is FinishReason.BACKEND
    assert_well_again(world)


def test_a_fault_of_the_server_itself_ends_the_job_and_frees_the_worker(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(self: Workspaces, job_id: str, number: int) -> None:
        raise ZeroDivisionError("at /srv/secret/place")

    with monkeypatch.context() as broken:
        broken.setattr(type(world.workspaces), "fresh", fault)
        job = world.final(world.submit())
    assert_readable(job)
    assert job.finish_reason is FinishReason.BACKEND
    assert job.results[0].filename == "algorithm.log"
    assert_well_again(world)


def test_a_job_whose_logs_cannot_be_stored_still_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Workspaces, job_id: str, number: int) -> None:
        raise OSError(28, "No space left on device", "/srv/secret/place")

    with monkeypatch.context() as broken:
        broken.setattr(type(world.workspaces), "ready", full)
        broken.setattr(type(world.workspaces), "fresh", full)
        job = world.final(world.submit())
    assert_readable(job)
    assert job.results == ()
    assert_well_again(world)


def test_a_job_met_by_a_dead_store_is_taken_up_again_when_the_store_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, refused = type(world.store).change, threading.Event()

    def unavailable(self: Store, *args: object, **keywords: object) -> None:
        refused.set()
        raise StoreUnavailable

    with monkeypatch.context() as broken:
        broken.setattr(type(world.store), "change", unavailable)
        job_id = world.submit("write a 1")
        assert refused.wait(20)
        world.await_idle()
    assert type(world.store).change is change
    job = world.final(job_id, nudge=30)
    assert job.finish_reason is FinishReason.COMPLETED


def test_runs_that_belong_to_no_job_are_swept_up(world: World) -> None:
    job_id = world.submit("stay")
    world.await_status(job_id, 40)
    name = world.launched(job_id)
    world.backend.runs["compute-ref-nobody-1"] = world.backend.runs[name]
    world.await_(lambda: "compute-ref-nobody-1" not in world.backend.runs, nudge=30)
    assert name in world.backend.runs
