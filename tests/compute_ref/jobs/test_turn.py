"""What the phases of a run share."""

from __future__ import annotations

import pytest

from compute_ref.jobs.endings import COMPLETED, Ending
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
