"""Plug-ins are told of a run's changes by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compute_ref.jobs import notices
from compute_ref.jobs.notices import Notices
from compute_ref.refusals import SystemShort
from tests.compute_ref.jobs.builders import job
from tests.compute_ref.jobs.conftest import World


class Threads:
    """Takes the place of threads: what they were to do, by their names."""

    def __init__(self) -> None:
        self.short = False
        self.begun: list[tuple[str, Callable[[], None]]] = []

    def begin(self, name: str, work: Callable[[], None]) -> None:
        if self.short:
            raise SystemShort
        self.begun.append((name, work))


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    threads = Threads()
    monkeypatch.setattr(notices, "begin_thread", threads.begin)
    return threads


def told(world: World) -> list[str]:
    return [job_id for job_id, _, _ in world.watcher.seen]


def test_one_thread_tells_all_that_is_to_be_told(closed_world: World, threads: Threads) -> None:
    run = Notices(closed_world.plugins.hook)
    for name in "abc":
        run.post(job(name))
    ((name, tell),) = threads.begun
    assert name == "notices a"
    tell()
    assert told(closed_world) == ["a", "b", "c"]
    run.post(job("d"))
    assert len(threads.begun) == 2


def test_what_no_thread_could_be_had_for_is_told_later(
    closed_world: World, threads: Threads
) -> None:
    run = Notices(closed_world.plugins.hook)
    threads.short = True
    run.post(job("a"))
    threads.short = False
    run.post(job("b"))
    ((_, tell),) = threads.begun
    tell()
    assert told(closed_world) == ["a", "b"]
