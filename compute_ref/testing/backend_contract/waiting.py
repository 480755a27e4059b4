"""Waiting for the end of a run: no earlier, no later, and everybody who waits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from compute_ref.plugins import Exit, ExitReason, Handle
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.scripts import (
    AWAIT_GO,
    BEAT_READY,
    SAY_READY,
    STAY,
)
from compute_ref.testing.backend_contract.server import Server

MANY = 4


class Waiting(Abilities):
    """Waiting for the end of a run."""

    @pytest.mark.parametrize("timeout", [0, 0.2])
    def test_a_wait_that_is_not_worth_it_gives_none(self, server: Server, timeout: float) -> None:
        """While the run goes on; the run does not mind."""
        run = server.script(SAY_READY + AWAIT_GO + "exit 3")
        handle = server.begin(run)
        assert server.backend.wait(handle, timeout) is None
        server.let_go(run)
        assert server.end(handle) == Exit(3)

    def test_all_who_wait_hear_of_the_same_end(self, server: Server) -> None:
        """At once, and whoever asks again afterwards."""
        run = server.script(SAY_READY + AWAIT_GO + "exit 3")
        handle = server.begin(run)
        with ThreadPoolExecutor(MANY) as pool:
            waiting = [pool.submit(server.end, handle) for _ in range(MANY)]
            assert server.backend.wait(handle, 0.2) is None
            server.let_go(run)
            assert [each.result() for each in waiting] == [Exit(3)] * MANY
        assert server.backend.wait(handle, 0) == Exit(3)
        assert server.backend.wait(handle, None) == Exit(3)

    @pytest.mark.parametrize("verb", ["stop", "remove"])
    def test_who_waits_is_woken_by(self, server: Server, verb: str) -> None:
        """A stop or a removal from another thread ends the wait."""
        handle = server.begin(server.script(STAY))
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(server.end, handle)
            if verb == "stop":
                server.backend.stop(handle.name, 0)
            else:
                server.backend.remove(handle.name)
            assert waiting.result().code != 0

    def test_nothing_of_an_ended_run_is_alive(self, server: Server) -> None:
        """Children that the algorithm left behind are ended first."""
        run = server.script(BEAT_READY + "exit 3")
        assert server.finish(run) == Exit(3)
        assert server.still(run.folders.outputs)

    def test_a_run_of_which_nothing_is_left_is_lost(self, server: Server) -> None:
        """Its handle is all there is: the wait comes back and tells so, here and elsewhere."""
        run = server.script("exit 3")
        handle = server.backend.launch(run)
        assert server.end(handle) == Exit(3)
        server.backend.remove(handle.name)
        server.workspaces.remove(run.job_id)
        for lost in (handle, Handle(handle.name)):
            end = server.end(lost)
            assert (end.code, end.reason) == (None, ExitReason.LOST)
            server.crash()
