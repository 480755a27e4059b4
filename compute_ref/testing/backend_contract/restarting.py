"""Servers come and go, by a crash or in good order; runs go on and are taken up again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compute_ref.plugins import Exit, ExitReason
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.scripts import (
    AWAIT_GO,
    BEAT_READY,
    COUNT_START,
    SAY_READY,
    STAY,
)
from compute_ref.testing.backend_contract.server import Server

anew = pytest.mark.parametrize("anew", [Server.crash, Server.restart], ids=["crash", "restart"])
Anew = Callable[[Server], None]


class Restarting(Abilities):
    """A new backend object on the same site knows all that the old one knew."""

    @anew
    def test_a_launch_whose_handle_was_lost_is_not_repeated(
        self, server: Server, anew: Anew
    ) -> None:
        """The next server finds the name, and launching it again starts nothing twice."""
        run = server.script(COUNT_START + SAY_READY + AWAIT_GO)
        name = server.begin(run).name
        anew(server)
        found, again = server.backend.find(name), server.backend.launch(run)
        assert found is not None
        assert found.name == again.name == name
        server.let_go(run)
        assert [server.end(found), server.end(again)] == [Exit(0), Exit(0)]
        assert server.output(run, "starts") == "once\n"

    @anew
    def test_a_running_run_is_taken_up(self, server: Server, anew: Anew) -> None:
        """It goes on all the while; its log is whole and its exit code kept."""
        run = server.script("echo before\n" + SAY_READY + AWAIT_GO + "echo after\nexit 7")
        name = server.begin(run).name
        anew(server)
        found = server.backend.find(name)
        assert found is not None
        assert server.backend.wait(found, 0) is None
        assert name in server.listed()
        server.let_go(run)
        assert server.end(found) == Exit(7)
        assert server.log(run).splitlines() == ["before", "after"]

    @anew
    def test_a_run_that_ended_is_taken_up(self, server: Server, anew: Anew) -> None:
        """Its exit code is kept, for every server from now on; launching it starts nothing."""
        run = server.script(COUNT_START + "exit 7")
        name = server.backend.launch(run).name
        server.until((run.folders.outputs / "starts").exists, "the algorithm ran")
        for _ in range(2):
            anew(server)
            assert server.end(server.backend.find(name)) == Exit(7)
        assert server.finish(run) == Exit(7)
        assert server.output(run, "starts") == "once\n"

    def test_the_next_server_stops_a_run(self, server: Server) -> None:
        """By its name alone, without looking for it first."""
        run = server.script(BEAT_READY + STAY)
        name = server.begin(run).name
        server.crash()
        server.backend.stop(name, 0)
        assert server.still(run.folders.outputs)
        assert server.end(server.backend.find(name)).code != 0

    def test_a_stop_before_the_launch_outlives_the_server(self, server: Server) -> None:
        """The next one does not start what the last one was told to stop."""
        run = server.script(COUNT_START)
        server.backend.stop(server.name(run), 0)
        server.crash()
        assert server.finish(run).code is None
        assert not (run.folders.outputs / "starts").exists()

    def test_the_time_limit_holds_over_a_restart(self, server: Server) -> None:
        """It counts from the launch, not from the restart, and is told as what it is."""
        run = server.script(SAY_READY + STAY, seconds=self.time_limit)
        if self.holds(server, "time", run.limits):
            name = server.begin(run).name
            server.restart()
            assert server.end(server.backend.find(name)).reason is ExitReason.TIMEOUT
