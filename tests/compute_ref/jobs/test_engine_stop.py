"""A job that its owner stops or deletes, wherever it is on its way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.assets.plan import Plan
from compute_ref.jobs.mailbox import Mailbox
from compute_ref.jobs.model import FinishReason, Job, Status, StopRequest
from compute_ref.plugins import Folders, hookimpl
from compute_ref.refusals import JobUnknown
from compute_ref.settings import Queue
from tests.compute_ref.jobs.conftest import MakeWorld, World


def stop(world: World, job_id: str) -> None:
    world.store.ask_stop([job_id], None)
    world.engine.stop([job_id])


def delete(world: World, job_id: str) -> None:
    world.store.ask_delete([job_id], None)
    world.engine.delete([job_id])


def stop_and_clean(world: World, job_id: str) -> None:
    stop(world, job_id)
    world.await_idle()


def remove_folders(world: World, job_id: str) -> None:
    world.workspaces.remove(job_id)


def test_a_queued_job_stops_at_once_without_a_place(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=1).open()
    world.await_status(world.submit("stay"), 40)
    job_id = world.submit()
    stop(world, job_id)
    job = world.store.get(job_id)
    assert (job.status, job.finish_reason) == (70, FinishReason.STOPPED)
    assert [p.status for p in job.history] == [1, 60, 70]
    assert b"stopped" in world.result(job, "algorithm.log")


def test_a_running_job_stops_and_its_outputs_are_published(world: World) -> None:
    job_id = world.submit("stay", "write a 1")
    world.await_status(job_id, 40)
    stop(world, job_id)
    assert world.backend.running == 0
    job = world.final(job_id)
    assert (job.status, job.stop_request) == (70, StopRequest.ASKED)
    assert (job.finish_reason, job.exit_code) == (FinishReason.STOPPED, 143)
    assert [p.status for p in job.history][-3:] == [50, 60, 70]
    assert world.result(job, "a") == b"1\n"


@pytest.mark.parametrize("half", ["provide_data", "provide_algorithm"])
def test_a_stop_while_inputs_are_fetched_does_not_wait_for_them(world: World, half: str) -> None:
    fetching, cancelled = threading.Event(), threading.Event()

    def slow(
        plan: Plan, folders: Folders, cancel: threading.Event, log: Callable[[str], None]
    ) -> None:
        fetching.set()
        if cancel.wait(20):
            cancelled.set()

    setattr(world, half, slow)
    job_id = world.submit()
    assert fetching.wait(20)
    stop(world, job_id)
    job = world.final(job_id)
    assert (job.status, job.finish_reason) == (70, FinishReason.STOPPED)
    assert job.launched is None
    assert cancelled.wait(20)


@pytest.mark.parametrize("hook", ["filter_results", "publish_results"])
def test_a_stop_while_results_are_made_changes_nothing(world: World, hook: str) -> None:
    reached, go_on = threading.Event(), threading.Event()

    class Slow:
        pass

    def wait(job: Job, folder: Path) -> None:
        reached.set()
        go_on.wait(20)

    setattr(Slow, hook, staticmethod(hookimpl(wait)))
    world.plugins.register(Slow())
    job_id = world.submit("write a 1")
    assert reached.wait(20)
    stop(world, job_id)
    go_on.set()
    job = world.final(job_id)
    assert job.finish_reason is FinishReason.COMPLETED
    assert world.result(job, "a") == b"1\n"


def test_a_stop_of_a_final_job_changes_nothing(world: World) -> None:
    before = world.final(world.submit())
    stop(world, before.job_id)
    assert world.store.get(before.job_id) == before


def test_a_stop_while_the_launch_hangs_is_answered_and_the_late_run_removed(world: World) -> None:
    job_id = world.submit("hang launch", "stay")
    assert world.backend.await_call("launch")
    answered = threading.Thread(target=stop, args=(world, job_id))
    answered.start()
    job = world.final(job_id, nudge=1)
    answered.join(20)
    assert not answered.is_alive()
    assert (job.status, job.finish_reason) == (70, FinishReason.STOPPED)
    world.await_idle()
    world.backend.release()
    name = f"compute-ref-{job_id}-1"
    world.await_(lambda: world.backend.most_at_once == 1)
    world.await_(lambda: name not in world.backend.runs)


def test_many_jobs_stop_together(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=8).open()
    ids = [world.submit("stay") for _ in range(12)]
    for job_id in ids[:8]:
        world.await_status(job_id, 40)
    world.store.ask_stop(ids, None)
    world.engine.stop(ids)
    assert world.backend.running == 0
    assert {world.final(job_id).finish_reason for job_id in ids} == {FinishReason.STOPPED}


@pytest.mark.parametrize("lines", [(), ("stay",), ("stay", "write deep/file 1")])
def test_a_deleted_job_leaves_nothing(world: World, lines: tuple[str, ...]) -> None:
    job_id = world.submit(*lines)
    world.await_status(job_id, 40)
    delete(world, job_id)
    with pytest.raises(JobUnknown):
        world.store.get(job_id, deleting=True)
    assert world.backend.runs == {}
    assert not world.workspaces.run(job_id, 1).root.parent.exists()
    world.final(world.submit())


@pytest.mark.parametrize(
    ("remove", "warnings"),
    [(delete, 0), (stop_and_clean, 0), (remove_folders, 1)],
    ids=["deleted", "final", "only its folders"],
)
def test_a_line_that_nobody_is_left_to_read_is_not_missed(
    world: World,
    caplog: pytest.LogCaptureFixture,
    remove: Callable[[World, str], None],
    warnings: int,
) -> None:
    fetching, removed, said = threading.Event(), threading.Event(), threading.Event()

    def slow(
        plan: Plan, folders: Folders, cancel: threading.Event, log: Callable[[str], None]
    ) -> None:
        fetching.set()
        assert removed.wait(20)
        log("Fetched.")
        said.set()

    world.provide_data = slow
    job_id = world.submit()
    assert fetching.wait(20)
    remove(world, job_id)
    removed.set()
    assert said.wait(20)
    assert caplog.text.count("could not be written: No such file") == warnings


def test_a_queued_job_is_deleted_without_ever_running(make_world: MakeWorld) -> None:
    world = make_world(maxJobs=1).open()
    world.await_status(world.submit("stay"), 40)
    job_id = world.submit("write a 1")
    delete(world, job_id)
    assert ("launch", f"compute-ref-{job_id}-1") not in world.backend.calls
    assert not world.workspaces.run(job_id, 1).root.parent.exists()


def test_deletes_that_race_with_the_run_leave_no_record_folder_or_run(world: World) -> None:
    for _ in range(30):
        job_id = world.submit("write a 1")
        world.store.ask_delete([job_id], None)
        threads = [threading.Thread(target=world.engine.delete, args=([job_id],)) for _ in "12"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not world.workspaces.run(job_id, 1).root.parent.exists()
    world.await_idle()
    assert world.backend.runs == {}
    assert world.store.unfinished() == []


def test_a_stop_waits_for_the_grace_and_a_second_and_a_delete_for_a_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.advance(1_000)
    job_id = world.submit("stay")
    world.await_status(job_id, 40)
    waited: dict[str, float] = {}
    for name in ("await_quiet", "await_gone"):
        usual = getattr(Mailbox, name)

        def noted(
            box: Mailbox, until: float, *, name: str = name, usual: Callable[..., bool] = usual
        ) -> bool:
            waited.setdefault(name, until)
            return usual(box, until)

        monkeypatch.setattr(Mailbox, name, noted)
    delete(world, job_id)
    assert waited == {
        "await_quiet": 1_000 + world.deadlines.stop_grace + 1,
        "await_gone": 1_000 + world.deadlines.backend_call,
    }


def test_a_job_that_came_to_the_queue_after_its_stop_is_deleted_there(
    make_world: MakeWorld,
) -> None:
    world = make_world(maxJobs=1).open()
    running = world.submit("stay")
    world.await_status(running, 40)
    job_id = world.submit("write a 1")
    (turn,) = world.engine._turns_of([job_id])
    world.store.ask_delete([job_id], None)
    world.engine._delete(job_id)
    assert turn.mailbox.over
    assert world.engine._turns_of([job_id]) == []
    with pytest.raises(JobUnknown):
        world.store.get(job_id, deleting=True)
    world.backend.finish(world.launched(running))
    assert world.final(running).finish_reason is FinishReason.COMPLETED


def test_a_job_that_was_sent_away_before_it_came_to_the_queue_leaves_it(
    make_world: MakeWorld,
) -> None:
    world = make_world(maxJobs=0).open()
    turn = world.engine._new_turn(world.store.get(world.accept()))
    assert turn is not None
    turn.mailbox.leave()
    world.engine._lanes["local"].enter(turn)
    world.engine._look_again(turn)
    assert turn.mailbox.over
    assert world.idle


def test_a_job_that_ended_or_was_restarted_meanwhile_is_not_begun_anew(
    closed_world: World,
) -> None:
    engine, store = closed_world.make(), closed_world.store
    old = store.get(closed_world.accept())
    store.change(old.job_id, lambda job: job.ended(Status.COMPLETED, 1.0, ()))
    assert engine._new_turn(old) is None
    store.restart(old.job_id, old.owner, store.plan(old.job_id), None, Queue())
    assert engine._new_turn(old) is None


def test_a_closed_engine_writes_no_inputs_any_more(world: World) -> None:
    fetching, over = threading.Event(), threading.Event()

    def slow(
        plan: Plan, folders: Folders, cancel: threading.Event, log: Callable[[str], None]
    ) -> None:
        fetching.set()
        assert cancel.wait(20)
        threading.Event().wait(0.1)  # as a read that has to come back first
        (folders.inputs / "late").write_text("written as it is told to give up")
        over.set()

    world.provide_data = slow
    world.submit()
    assert fetching.wait(20)
    world.engine.close()
    assert over.is_set()
