"""Backends and plug-ins that hang, raise or lie: every job still ends, with a reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from compute_ref.jobs.model import FinishReason, Job, ResultType, StopRequest
from compute_ref.jobs.store import Store
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Exit, hookimpl
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.conftest import PATIENCE, MakeWorld, World

VERBS = ("name", "launch", "find", "list", "wait", "stop", "remove")
FATAL = (
    "name",
    "launch",
    "wait",
)  # verbs that a job which runs and ends by itself cannot do without


def assert_readable(job: Job) -> None:
    assert job.final
    assert job.finish_reason is not None
    assert job.finish_message.endswith(".")
    assert "Traceback" not in job.finish_message
    assert "/srv/secret" not in job.finish_message


def assert_well_again(world: World) -> None:
    """The worker is free and a good job runs through."""
    world.await_idle(nudge=30)
    world.backend.tell()
    good = world.final(world.submit("write a 1"))
    assert good.finish_reason is FinishReason.COMPLETED
    assert good.results[0].filename == "a"


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
    assert job.stop_request is StopRequest.ASKED
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


class Hanging:
    def __init__(self) -> None:
        self.released = threading.Event()

    def act(self) -> None:
        self.released.wait(60)


class Raising:
    def act(self) -> None:
        raise RuntimeError("at /srv/secret/place")


Guest = Hanging | Raising


def offering(hook: str, guest: Guest) -> object:
    """A plug-in with one hook, which does what `guest` does."""

    class Plugin:
        pass

    takes: dict[str, Callable[..., object]] = {
        "filter_results": lambda job, folder: guest.act(),
        "publish_results": lambda job, folder, output: guest.act(),
        "job_changed": lambda job: guest.act(),
    }
    setattr(Plugin, hook, staticmethod(hookimpl(takes[hook])))
    return Plugin()


@pytest.fixture(params=[Hanging, Raising])
def guest(request: pytest.FixtureRequest) -> Iterator[Guest]:
    made = request.param()
    yield made
    if isinstance(made, Hanging):
        made.released.set()


def test_a_filter_that_hangs_or_raises_publishes_logs_only(
    make_world: MakeWorld, guest: Guest
) -> None:
    world = make_world(maxJobs=1).open()
    plugin = offering("filter_results", guest)
    world.plugins.register(plugin)
    job = world.final(world.submit("write a 1"), nudge=30)
    assert_readable(job)
    assert (job.status, job.finish_reason, job.exit_code) == (70, FinishReason.FILTERING, 0)
    types = {result.type for result in job.results}
    assert ResultType.OUTPUT not in types
    assert ResultType.FILTERING_LOG in types
    assert b"secret" not in world.result(job, "filtering.log")
    world.plugins.unregister(plugin)
    assert_well_again(world)


def test_a_filter_refuses_the_outputs_of_a_stopped_job_too(world: World) -> None:
    world.plugins.register(offering("filter_results", Raising()))
    job_id = world.submit("stay", "write a 1")
    world.await_status(job_id, 40)
    world.store.ask_stop([job_id], None)
    world.engine.stop([job_id])
    job = world.final(job_id)
    assert job.finish_reason is FinishReason.FILTERING
    assert ResultType.OUTPUT not in {result.type for result in job.results}


def test_a_publisher_that_hangs_or_raises_costs_the_did_not_the_results(
    make_world: MakeWorld, guest: Guest
) -> None:
    world = make_world(maxJobs=1).open()
    plugin = offering("publish_results", guest)
    world.plugins.register(plugin)
    job = world.final(world.submit("write a 1"), nudge=30)
    assert (job.finish_reason, job.results_did) == (FinishReason.COMPLETED, "")
    assert world.result(job, "a") == b"1\n"
    assert b"computeResult" in world.result(job, "publish.log")
    world.plugins.unregister(plugin)
    assert_well_again(world)


def test_a_listener_that_hangs_or_raises_costs_nothing(world: World, guest: Guest) -> None:
    world.plugins.register(offering("job_changed", guest))
    job_id = world.submit("write a 1")
    world.await_(lambda: world.store.get(job_id).final)
    assert world.store.get(job_id).finish_reason is FinishReason.COMPLETED


def test_a_listener_that_raises_keeps_no_other_from_hearing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    first, heard = Raising(), threading.Event()

    class Silent:
        @hookimpl
        def job_changed(self) -> None:  # a plug-in takes only what it needs
            heard.set()

    world.plugins.unregister(world.watcher)
    world.plugins.register(Silent())
    world.plugins.register(world.watcher)
    world.plugins.register(offering("job_changed", first), name="the-raising-one")
    job_id = world.submit("write a 1")
    world.await_(lambda: (job_id, 1, 70) in world.watcher.seen)
    assert heard.wait(PATIENCE)
    assert [status for _, _, status in world.watcher.seen] == [10, 20, 30, 40, 50, 60, 70]
    assert "the-raising-one" in caplog.text


@pytest.mark.parametrize("kind", [Hanging, Raising])
@pytest.mark.parametrize(
    ("half", "status", "reason"),
    [
        ("provide_data", 31, FinishReason.DATA_PROVISIONING),
        ("provide_algorithm", 32, FinishReason.ALGORITHM_PROVISIONING),
    ],
)
def test_provisioning_that_hangs_or_raises_ends_at_the_status_of_its_half(
    make_world: MakeWorld, kind: type[Guest], half: str, status: int, reason: FinishReason
) -> None:
    world = make_world(maxJobs=1).open()
    guest, usual = kind(), getattr(world, half)
    setattr(world, half, lambda *_: guest.act())
    job = world.final(world.submit(), nudge=30)
    assert_readable(job)
    assert (job.status, job.finish_reason) == (status, reason)
    setattr(world, half, usual)
    assert_well_again(world)
    if isinstance(guest, Hanging):
        guest.released.set()


def test_inputs_and_algorithm_share_one_deadline(world: World) -> None:
    guest, hangs, begun = Hanging(), threading.Event(), world.clock.ticks()
    most = world.deadlines.provisioning

    def hang(*_: object) -> None:
        hangs.set()
        guest.act()

    world.provide_data = lambda *_: world.clock.advance(0.9 * most)
    world.provide_algorithm = hang
    job_id = world.submit()
    assert hangs.wait(PATIENCE)
    assert world.final(job_id, nudge=1).status == 32
    guest.released.set()
    assert world.clock.ticks() - begun < 1.5 * most


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
