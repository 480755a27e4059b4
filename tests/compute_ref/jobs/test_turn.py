"""What the phases of a run share."""

from __future__ import annotations

import threading

import pytest

from compute_ref.jobs import turn as turns
from compute_ref.jobs.endings import COMPLETED, Ending
from compute_ref.jobs.mailbox import Left
from compute_ref.jobs.model import FinishReason, Status
from tests.compute_ref.jobs.conftest import MakeTurn, World


@pytest.mark.parametrize(
    ("status", "launched", "quiet"),
    [(30, False, True), (30, True, False), (40, True, False), (50, True, True)],
)
def test_an_algorithm_may_run_from_its_name_to_its_end(
    make_turn: MakeTurn, waiting_world: World, status: int, launched: bool, quiet: bool
) -> None:
    turn = make_turn(waiting_world.left_at(status, launched=launched))
    assert turn.mailbox.await_quiet(10) is quiet


def test_who_is_sent_away_waits_only_so_long_for_what_is_under_way(
    waiting_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PARTING", 0.01)
    turn, released = waiting_world.turn(waiting_world.accept()), threading.Event()
    turn.mailbox.leave()
    with pytest.raises(Left):
        turn.ask("hanging", released.wait, 10)
    released.set()
    assert turn.cancel.is_set()


def test_a_reason_is_kept_and_a_status_that_was_reached_stays(
    make_turn: MakeTurn, waiting_world: World
) -> None:
    turn = make_turn(waiting_world.left_at(60, passed=(10, 20, 30, 40)))
    before = turn.job.history
    turn.conclude(Ending(FinishReason.COMPLETED, COMPLETED), Status.FILTERING)
    turn.enter(Status.PUBLISHING)
    assert turn.job.status is Status.PUBLISHING
    assert turn.job.history == before
    assert turn.job.finish_reason is FinishReason.COMPLETED
