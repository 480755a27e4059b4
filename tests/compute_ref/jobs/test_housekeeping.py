"""The slow look after everything: when it comes, and that nothing can hold it up."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

import pytest

from compute_ref.jobs.expiry import Expiry
from compute_ref.jobs.housekeeping import Sweep, Watchdog
from compute_ref.jobs.mailbox import Left
from compute_ref.settings import Retention
from compute_ref.testing.instant import InstantBackend
from tests.compute_ref.jobs.conftest import World, nothing


class Counted:
    """An adopter that counts the looks."""

    def __init__(self) -> None:
        self.looks = 0

    def adopt(self) -> None:
        self.looks += 1


@pytest.fixture
def adopter() -> Counted:
    return Counted()


def watchdog(world: World, adopter: Counted, *backends: InstantBackend) -> Watchdog:
    expiry = Expiry(world.house, {}, Retention(), nothing)
    return Watchdog(world.house, backends, expiry, adopter)


def test_it_looks_at_once_and_then_at_each_deadline_until_it_is_to_leave(
    closed_world: World, adopter: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed_world.clock.advance(1_000)
    dog = watchdog(closed_world, adopter)
    waited: list[tuple[bool, float, bool]] = []

    def wait(ready: Any, until: float, *, stoppable: bool) -> NoReturn:
        waited.append((bool(ready()), until, bool(stoppable)))
        raise Left

    monkeypatch.setattr(dog._mailbox, "wait", wait)
    dog._work()
    assert adopter.looks == 1
    assert waited == [(False, 1_000 + closed_world.deadlines.watchdog, False)]


def test_a_sweep_that_hangs_does_not_hold_up_the_looks(
    closed_world: World, adopter: Counted
) -> None:
    closed_world.backend.tell("hang list")
    sweep = Sweep(closed_world.house, closed_world.backend)
    sweep.begin()
    assert closed_world.backend.await_call("list", "")
    sweep.begin()
    assert closed_world.backend.calls["list", ""] == 1
    closed_world.backend.release()


def test_each_backend_is_swept_once(closed_world: World, adopter: Counted) -> None:
    other = InstantBackend()
    watchdog(closed_world, adopter, closed_world.backend, other, closed_world.backend).look()
    for backend in (closed_world.backend, other):
        assert backend.await_call("list", "")
    for thread in threading.enumerate():
        if thread.name == "sweep":
            thread.join(20)
    assert [backend.calls["list", ""] for backend in (closed_world.backend, other)] == [1, 1]


def test_the_end_waits_only_so_long_for_a_look(closed_world: World, adopter: Counted) -> None:
    looking, released = threading.Event(), threading.Event()

    def hang() -> None:
        looking.set()
        released.wait()

    adopter.adopt = hang  # type: ignore[method-assign]
    dog = watchdog(closed_world, adopter)
    dog.start()
    assert looking.wait(20)
    dog.close(0.01)
    assert dog._worker.is_alive()
    released.set()
    dog.close(20)
    assert not dog._worker.is_alive()


def test_a_look_that_hangs_does_not_keep_the_server_from_ending(
    closed_world: World, adopter: Counted
) -> None:
    assert watchdog(closed_world, adopter)._worker.daemon
