"""Plug-ins, and provisioning which asks them, hang or raise: each job still ends, with a reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pluggy
import pytest

from compute_ref.jobs import calls, notices
from compute_ref.jobs.model import FinishReason, ResultType
from compute_ref.jobs.notices import Notices
from compute_ref.plugins import hookimpl, hookspecs
from tests.compute_ref.jobs.builders import job as some_job
from tests.compute_ref.jobs.conftest import (
    PATIENCE,
    MakeWorld,
    World,
    assert_readable,
    assert_well_again,
)


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


def test_no_thread_is_taken_to_ask_plugins_where_there_are_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, usual = [], calls.begin_thread

    def begin(name: str, work: Callable[[], None]) -> threading.Thread:
        begun.append(name.partition(" job")[0])
        return usual(name, work)

    monkeypatch.setattr(calls, "begin_thread", begin)
    assert world.final(world.submit("write a 1")).finish_reason is FinishReason.COMPLETED
    assert "storing the results" in begun
    assert not {"filtering the results", "publishing the results"} & set(begun)


def test_no_thread_is_taken_to_tell_plugins_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(notices, "begin_thread", lambda name, _: begun.append(name))
    nobody = pluggy.PluginManager("compute_ref")
    nobody.add_hookspecs(hookspecs)
    Notices(nobody.hook).post(some_job("a"))
    assert begun == []
