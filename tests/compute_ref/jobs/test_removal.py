"""Deleting asks a backend for what it may have, and nothing else."""

from __future__ import annotations

import threading

import pytest

from compute_ref.jobs.removal import remove_everywhere
from compute_ref.plugins import run_name
from compute_ref.refusals import JobUnknown
from tests.compute_ref.jobs.conftest import World


def test_a_backend_is_not_asked_to_remove_what_was_never_launched(closed_world: World) -> None:
    job_id = closed_world.left_at(20, launched=False)
    remove_everywhere(closed_world.house, {"local": closed_world.backend}, job_id)
    assert not closed_world.backend.calls
    with pytest.raises(JobUnknown):
        closed_world.store.get(job_id, deleting=True)


def test_a_job_whose_environment_is_gone_is_removed_all_the_same(closed_world: World) -> None:
    job_id = closed_world.left_at(40)
    remove_everywhere(closed_world.house, {}, job_id)
    with pytest.raises(JobUnknown):
        closed_world.store.get(job_id, deleting=True)


def test_a_backend_that_does_not_come_back_costs_its_time_and_not_the_delete(
    waiting_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = waiting_world.left_at(40)
    waiting_world.backend.tell("hang remove")
    remove_everywhere(waiting_world.house, {"local": waiting_world.backend}, job_id)
    assert f"did not remove {run_name(job_id, 1)} in time" in caplog.text
    assert f"remove {run_name(job_id, 1)}" in [thread.name for thread in threading.enumerate()]
    assert waiting_world.clock.ticks() == waiting_world.deadlines.backend_call
    with pytest.raises(JobUnknown):
        waiting_world.store.get(job_id, deleting=True)


def test_the_run_of_a_job_is_removed_from_its_backend(
    closed_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = closed_world.left_at(40)
    name = closed_world.launched(job_id)
    remove_everywhere(closed_world.house, {"local": closed_world.backend}, job_id)
    assert dict(closed_world.backend.calls) == {("remove", name): 1}
    assert caplog.records == []
