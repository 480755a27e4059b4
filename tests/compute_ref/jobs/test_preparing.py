"""Inputs and algorithm are put in place, or the job says why not."""

from __future__ import annotations

from functools import partial

import pytest

from compute_ref.jobs.model import FinishReason, Status
from compute_ref.jobs.preparing import provision_algorithm, provision_data
from compute_ref.jobs.publishing import end
from compute_ref.jobs.turn import Phase
from tests.compute_ref.jobs.conftest import MakeTurn, World


@pytest.mark.parametrize(
    ("half", "status", "reason", "said"),
    [
        (provision_data, 31, FinishReason.DATA_PROVISIONING, "The inputs"),
        (
            partial(provision_algorithm, until=60),
            32,
            FinishReason.ALGORITHM_PROVISIONING,
            "The algorithm",
        ),
    ],
)
def test_what_does_not_come_in_time_ends_the_job_with_what_to_do(
    make_turn: MakeTurn,
    waiting_world: World,
    half: Phase,
    status: int,
    reason: FinishReason,
    said: str,
) -> None:
    turn = make_turn(waiting_world.left_at(20, launched=False), provisioning=10**6)
    phase = half(turn)
    assert isinstance(phase, partial)
    assert (phase.func, phase.keywords["status"]) == (end, Status(status))
    assert phase.keywords["ending"].reason is reason
    assert phase.keywords["ending"].message.startswith(
        f"{said} could not be put in place: provisioning did not come back in "
    )
    assert phase.keywords["ending"].message.endswith("tell the server's operator.")


def test_the_algorithm_has_what_the_inputs_left_of_the_time_for_both(
    make_turn: MakeTurn, waiting_world: World
) -> None:
    waiting_world.clock.advance(1_000)
    turn = make_turn(waiting_world.left_at(20, launched=False), provisioning=60)
    began = waiting_world.clock.ticks()
    phase = provision_data(turn)
    assert isinstance(phase, partial)
    assert phase.keywords["until"] == began + waiting_world.deadlines.provisioning
    provision_algorithm(make_turn(turn.job.job_id, provisioning=10**6), **phase.keywords)
    assert waiting_world.clock.ticks() == phase.keywords["until"]
