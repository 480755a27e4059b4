"""Folders that killed servers left."""

from __future__ import annotations

from compute_ref.jobs.leftovers import Leftovers
from tests.compute_ref.jobs.conftest import World


def test_the_folder_of_a_job_that_is_being_deleted_is_left_to_the_delete(
    closed_world: World,
) -> None:
    job_id = closed_world.left_at(70, finished=1.0)
    closed_world.store.ask_delete([job_id], None)
    Leftovers(closed_world.house).look()
    assert closed_world.workspaces.run(job_id, 1).root.is_dir()


def test_it_is_looked_for_leftovers_once(closed_world: World) -> None:
    leftovers = Leftovers(closed_world.house)
    first = closed_world.workspaces.ready("job99998z", 1).root
    leftovers.look()
    assert not first.exists()
    second = closed_world.workspaces.ready("job99999z", 1).root
    leftovers.look()
    assert second.exists()
