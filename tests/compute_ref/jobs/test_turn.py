"""What a turn knows of its job when it begins."""

from __future__ import annotations

import pytest

from tests.compute_ref.jobs.conftest import World


@pytest.mark.parametrize(
    ("status", "launched", "alive"),
    [(20, False, False), (30, True, True), (40, True, True), (50, True, False), (60, True, False)],
)
def test_an_algorithm_may_run_from_the_naming_of_its_run_until_it_was_seen_to_end(
    closed_world: World, status: int, launched: bool, alive: bool
) -> None:
    """So long a stop that comes after a restart of the server waits for it."""
    turn = closed_world.turn(closed_world.left_at(status, launched=launched))
    assert turn.mailbox.await_quiet(until=0) is not alive
