"""Jobs for which no phase is left end all the same."""

from __future__ import annotations

from typing import Any, NoReturn

import pytest

from compute_ref.jobs import faults
from compute_ref.jobs.faults import FAULT, end_by_fault
from compute_ref.jobs.model import Status
from tests.compute_ref.jobs.conftest import World


def test_what_cannot_be_ended_in_the_usual_way_is_ended_durably(
    closed_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("a fault of the server's own")

    def noted(job_id: str, change: Any, *, sync: bool = False) -> Any:
        synced.append(sync)
        return usual(job_id, change, sync=sync)

    synced: list[bool] = []
    usual = closed_world.store.change
    job_id = closed_world.accept()
    turn = closed_world.turn(job_id)
    monkeypatch.setattr(faults, "end", broken)
    monkeypatch.setattr(closed_world.store, "change", noted)
    end_by_fault(turn)
    job = closed_world.store.get(job_id)
    assert (job.status, job.finish_message) == (Status.COMPLETED, FAULT.message)
    assert synced == [True]


def test_a_job_that_others_see_to_by_now_is_left_to_them(closed_world: World) -> None:
    job_id = closed_world.accept()
    turn = closed_world.turn(job_id)
    turn.mailbox.leave()
    end_by_fault(turn)
    assert not closed_world.store.get(job_id).final
