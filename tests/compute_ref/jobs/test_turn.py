"""What the phases of a run share."""

from __future__ import annotations

from compute_ref.jobs.endings import COMPLETED, Ending
from compute_ref.jobs.model import FinishReason, Status
from tests.compute_ref.jobs.conftest import MakeTurn, World


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
