"""While the system gives no more threads, jobs wait and nothing of them is lost."""

from __future__ import annotations

import threading
from functools import partial
from typing import NoReturn

import pytest

from compute_ref.jobs.calls import in_parallel
from tests.compute_ref.jobs.conftest import World


def none_left(thread: threading.Thread) -> NoReturn:
    raise RuntimeError("can't start new thread")


@pytest.fixture
def no_threads(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(threading.Thread, "start", none_left)
    return monkeypatch


def test_a_job_that_finds_no_worker_is_taken_up_by_the_watchdog(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", none_left)
        names = [world.submit("write x 1") for _ in range(5)]
        world.engine._watchdog.look()
        assert {world.store.get(name).status for name in names} == {1}
        assert world.idle
    world.engine._watchdog.look()
    for name in names:
        assert world.result(world.final(name), "x") == b"1\n"


def test_a_job_whose_call_finds_no_thread_waits_and_is_not_ended_by_a_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = world.submit("stay")
    world.await_status(name, 40)
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", none_left)
        world.backend.finish(world.launched(name))
        world.await_idle()
        assert not world.store.get(name).final
    world.engine._watchdog.look()
    job = world.final(name)
    assert job.finish_reason == "completed"
    assert job.results


def test_tasks_are_done_by_the_caller_where_no_other_thread_can_be_had(
    no_threads: pytest.MonkeyPatch,
) -> None:
    done: list[int] = []
    in_parallel("test", [partial(done.append, number) for number in range(5)])
    assert done == [0, 1, 2, 3, 4]
