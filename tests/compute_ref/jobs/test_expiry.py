"""Results and records go when their time is over, and not before (reading R16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from compute_ref.jobs import expiry
from compute_ref.jobs.expiry import Expiry, expired, record_expired
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.refusals import JobUnknown
from compute_ref.settings import Environment, Queue, Retention
from tests.compute_ref.jobs.conftest import Durable, MakeWorld, World, nothing


@pytest.fixture
def expiring(make_world: MakeWorld) -> World:
    return make_world(storageExpiry=3_600).open()


def ended(job: Job) -> float:
    assert job.finished is not None
    return job.finished


def test_results_expire_by_the_second_whether_or_not_they_were_removed(expiring: World) -> None:
    job = expiring.final(expiring.submit("write a 1"))
    assert not expired(job, expiring.environment, ended(job) + 3_599.9)
    assert expired(job, expiring.environment, ended(job) + 3_600)


def test_0_is_never(expiring: World) -> None:
    job = expiring.final(expiring.submit())
    assert not expired(job, Environment(id="local", backend=""), ended(job) + 10**9)
    assert not expired(job, None, ended(job) + 10**9)
    assert not record_expired(job, Retention(), ended(job) + 10**9)


def test_the_files_of_expired_results_are_removed_and_the_record_stays(expiring: World) -> None:
    job = expiring.final(expiring.submit("write a 1"))
    results = expiring.workspaces.run(job.job_id, 1).root / "results"
    assert results.is_dir()
    expiring.await_(lambda: not results.exists(), nudge=60)
    kept = expiring.store.get(job.job_id)
    assert (kept.results, kept.results_expired) == ((), True)
    assert expired(kept, None, 0)


def test_a_job_with_expired_results_can_be_restarted(expiring: World) -> None:
    job = expiring.final(expiring.submit("write a 1"))
    expiring.await_(lambda: expiring.store.get(job.job_id).results_expired, nudge=600)
    expiring.store.restart(job.job_id, job.owner, expiring.store.plan(job.job_id), None, Queue())
    expiring.engine.submit(job.job_id)
    again = expiring.final(job.job_id)
    assert not again.results_expired
    assert expiring.result(again, "a") == b"1\n"


def test_an_expired_record_goes_with_everything(make_world: MakeWorld) -> None:
    world = make_world()
    world.retention = Retention(record_expiry=7_200)
    world.open()
    job = world.final(world.submit("write a 1"))
    young = replace(job, finished=ended(job) + 1)
    assert record_expired(job, world.retention, ended(job) + 7_200)
    assert not record_expired(young, world.retention, ended(job) + 7_200)
    root = world.workspaces.run(job.job_id, 1).root.parent
    world.await_(lambda: not root.exists(), nudge=300)

    def gone() -> bool:
        try:
            world.store.get(job.job_id, deleting=True)
        except JobUnknown:
            return True
        return False

    world.await_(gone)


def test_jobs_that_are_not_final_never_expire(make_world: MakeWorld) -> None:
    world = make_world(storageExpiry=1)
    world.retention = Retention(record_expiry=1)
    world.open()
    job_id = world.submit("stay")
    world.await_status(job_id, 40)
    for _ in range(5):
        world.clock.advance(100)
    assert not expired(world.store.get(job_id), world.environment, world.clock.now())
    assert world.store.get(job_id).status == 40


def made(world: World, remove: Callable[[str], None], **retention: int) -> Expiry:
    return Expiry(
        world.house, {"local": world.environment}, replace(Retention(), **retention), remove
    )


@pytest.mark.parametrize("record_expiry", [0, 1])
@pytest.mark.parametrize("ended_too", [False, True])
def test_a_job_restarted_while_its_expiry_is_looked_at_keeps_its_new_run(
    expiring: World, record_expiry: int, ended_too: bool
) -> None:
    old = expiring.final(expiring.submit("write a 1"))
    plan = expiring.store.plan(old.job_id)
    new = expiring.store.restart(old.job_id, old.owner, plan, None, Queue())
    if ended_too:
        expiring.engine.submit(new.job_id)
        new = expiring.final(new.job_id)
    expiring.engine.close()
    removed: list[str] = []
    look = made(expiring, removed.append, record_expiry=record_expiry)
    expiring.clock.advance(4_000)
    look._look_at(old)
    assert removed == []
    assert expiring.store.get(old.job_id) == new


def test_a_record_is_durably_marked_before_anything_of_it_goes(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world()
    durable = Durable(tmp_path, world)
    job = world.open().final(world.submit("write a 1"))
    world.engine.close()
    left: list[Job] = []
    look = made(world, lambda job_id: left.append(durable.left(job_id)), record_expiry=10)
    world.clock.advance(10)
    look.look()
    assert [one.job_id for one in left] == [job.job_id]
    assert left[0].deleting


@pytest.mark.parametrize("record_expiry", [0, 4_000])
def test_a_look_sees_to_a_page_and_the_next_goes_on_behind_it(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch, record_expiry: int
) -> None:
    monkeypatch.setattr(expiry, "PAGE", 2)
    world = make_world(storageExpiry=0 if record_expiry else 3_600).open()
    ids = [world.submit() for _ in range(6)]
    for job_id in ids:
        world.final(job_id)
    world.engine.close()
    look = made(world, world.store.remove, record_expiry=record_expiry)
    world.clock.advance(4_000)
    for _ in range(3):
        look.look()
    left = world.store.find(JobFilter())
    assert [job.results_expired for job in left] == ([] if record_expiry else [True] * 6)


def test_results_go_as_soon_as_they_are_due(expiring: World) -> None:
    job = expiring.final(expiring.submit("write x 1"))
    expiring.engine.close()
    look = made(expiring, nothing)
    expiring.clock.advance(3_599)
    look.look()
    assert not expiring.store.get(job.job_id).results_expired
    expiring.clock.advance(1)
    look.look()
    assert expiring.store.get(job.job_id).results_expired


def test_a_clock_that_jumped_ahead_removes_nothing(make_world: MakeWorld) -> None:
    expiring = make_world(storageExpiry=3_600)
    expiring.clock.advance(1_000_000)  # the machine has been up for long
    expiring.open()
    job = expiring.final(expiring.submit("write x 1"))
    expiring.clock.jump(100_000)
    expiring.engine._watchdog.look()
    expiring.clock.jump(-100_000)
    assert expiring.result(expiring.store.get(job.job_id), "x") == b"1\n"
    assert not expiring.store.get(job.job_id).results_expired
