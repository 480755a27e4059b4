"""Removing: whatever state a run is in, nothing of it is left, and what is there is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute_ref.plugins import Exit
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.scripts import BEAT_READY, STAY
from compute_ref.testing.backend_contract.server import Server


class Removing(Abilities):
    """Removing runs, and finding those that belong to nobody."""

    def test_nothing_is_left_of_ended_runs(self, server: Server) -> None:
        """After their removal the list is empty, whatever their ends were."""
        for code in ("exit 0", "exit 3", 'echo x > "$OUTPUTS/x"'):
            server.finish(server.script(code))
        for run in server.runs:
            server.backend.remove(server.name(run))
        assert server.listed() == set()
        server.restart()
        assert server.listed() == set()

    def test_a_running_run_is_listed_and_ended_by_its_removal(self, server: Server) -> None:
        """Removal stops first; outputs and logs are the engine's and stay."""
        run = server.script(BEAT_READY + STAY)
        handle = server.begin(run)
        assert server.listed() == {handle.name}
        server.backend.remove(handle.name)
        assert server.still(run.folders.outputs)
        assert server.listed() == set()
        assert run.folders.logs.is_dir()

    def test_removing_twice_is_fine(self, server: Server) -> None:
        """Of a run that ended and of one that was running."""
        for code in ("exit 3", STAY):
            handle = server.backend.launch(server.script(code))
            for _ in range(2):
                server.backend.remove(handle.name)
                assert server.listed() == set()

    def test_removing_what_never_was_is_fine(self, server: Server) -> None:
        """Neither a fault nor a trace."""
        for name in (server.backend.name("0123abcz", 1), server.name(server.script("true"))):
            server.backend.remove(name)
            assert server.backend.find(name) is None
        assert server.listed() == set()

    def test_removing_one_leaves_the_others(self, server: Server) -> None:
        """Other runs go on."""
        staying, going = server.script(BEAT_READY + STAY), server.script(STAY)
        handle, gone = server.begin(staying), server.begin(going)
        assert server.listed() == {handle.name, gone.name}
        server.backend.remove(gone.name)
        assert server.listed() == {handle.name}
        server.until(lambda: not server.still(staying.folders.outputs), "the other one goes on")
        assert server.backend.wait(handle, 0) is None

    @pytest.mark.parametrize("folders", ["kept", "gone"])
    def test_an_orphan_is_listed_and_removed(self, server: Server, folders: str) -> None:
        """The next server sweeps a run that no job knows, its folders there or not."""
        run = server.script(BEAT_READY + STAY)
        name = server.begin(run).name
        outputs = run.folders.outputs
        if folders == "gone":
            outputs = moved_away(run.folders.root.parent) / "1" / "outputs"
        server.crash()
        assert server.listed() == {name}
        server.backend.remove(name)
        assert server.still(outputs)
        assert server.listed() == set()

    def test_a_removed_run_whose_folders_are_gone_is_not_found(self, server: Server) -> None:
        """Neither by this server nor by the next: nothing more is known of it."""
        run = server.script("exit 3")
        handle = server.backend.launch(run)
        assert server.end(handle) == Exit(3)
        server.backend.remove(handle.name)
        server.workspaces.remove(run.job_id)
        assert server.backend.find(handle.name) is None
        server.crash()
        assert server.backend.find(handle.name) is None


def moved_away(folder: Path) -> Path:
    """Out of the way, so that what still writes there can be seen."""
    return folder.rename(folder.parents[1] / "moved")
