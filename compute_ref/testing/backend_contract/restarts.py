"""A server that ends at the wrong moment, and the next one on the same folder."""

from __future__ import annotations

import threading
from functools import partial
from typing import Final

import pytest

from compute_ref.plugins import Exit
from compute_ref.testing.backend_contract.bench import BEAT, STAY, Bench, begun
from compute_ref.testing.backend_contract.contract import Contract

ONCE: Final = 'echo once >> "$OUTPUTS/times"\n'


class Restarts(Contract):
    """A run goes on without a server, is found by its name, and never runs twice."""

    def test_a_name_that_was_never_launched_is_not_found(self, bench: Bench) -> None:
        """The server died between the name and the launch: the next one launches."""
        run = bench.run(ONCE)
        bench.restart()
        assert bench.find(run) is None
        assert bench.name(run) not in bench.list()
        assert bench.finish(run).code == 0
        assert bench.output(run, "times") == "once\n"

    def test_a_launch_whose_handle_was_lost_is_not_repeated(self, bench: Bench) -> None:
        """The server died between the launch and its answer: the next one launches again."""
        run, _ = bench.begin(ONCE + STAY + "exit 3")
        bench.restart()
        handle = bench.launch(run)
        assert bench.wait(handle, 0) is None
        bench.release(run)
        assert bench.end(handle).code == 3
        assert bench.output(run, "times") == "once\n"

    def test_a_launch_of_what_has_ended_is_not_repeated(self, bench: Bench) -> None:
        """It gives the end that was."""
        run = bench.run(ONCE + "exit 3")
        assert bench.finish(run).code == 3
        bench.restart()
        assert bench.end(bench.launch(run)).code == 3
        assert bench.output(run, "times") == "once\n"

    def test_launches_of_one_name_at_once_start_one_run(self, bench: Bench) -> None:
        """As when one that was given up comes to pass after all."""
        run = bench.run(ONCE + "exit 3")
        bench.backend.check()
        together = threading.Barrier(4)

        def finish() -> Exit:
            together.wait(self.patience)
            return bench.finish(run)

        ends = [begun(finish) for _ in range(4)]
        assert [end.result(self.patience).code for end in ends] == [3] * 4
        assert bench.output(run, "times") == "once\n"

    @pytest.mark.parametrize("closing", [False, True], ids=["killed", "closed"])
    def test_a_running_algorithm_is_taken_up_again(self, bench: Bench, closing: bool) -> None:
        """It has noticed nothing."""
        run, _ = bench.begin(STAY + "echo on; exit 3")
        bench.restart(closing=closing)
        handle = bench.found(run)
        assert bench.wait(handle, 0) is None
        assert bench.name(run) in bench.list()
        bench.release(run)
        assert bench.end(handle).code == 3
        assert bench.log(run) == "on\n"

    def test_an_end_in_the_servers_absence_is_kept(self, bench: Bench) -> None:
        """Nobody waited for it when it came."""
        run, _ = bench.begin(STAY + 'echo on; echo x > "$OUTPUTS/x"; exit 3')
        bench.restart(closing=True)
        bench.release(run)
        bench.until((run.folders.outputs / "x").exists)
        bench.restart()
        assert bench.end(bench.found(run)).code == 3
        assert bench.log(run) == "on\n"

    def test_an_end_that_was_told_is_told_to_the_next_server(self, bench: Bench) -> None:
        """The server died before it had made it durable."""
        run = bench.run("exit 3")
        end = bench.finish(run)
        bench.restart()
        assert bench.end(bench.found(run)) == end

    def test_the_next_server_can_stop_a_run(self, bench: Bench) -> None:
        """By its name alone."""
        run, _ = bench.begin(f': > "$OUTPUTS/ready"\n{BEAT}')
        bench.restart()
        bench.stop(run, 1)
        bench.assert_dead(run)
        assert bench.end(bench.found(run)).code != 0

    def test_a_server_that_waits_is_no_matter_to_the_next(self, bench: Bench) -> None:
        """A call of the old one that comes to its end late does no harm."""
        run, handle = bench.begin(STAY + "exit 3")
        old = begun(partial(bench.backend.wait, handle, None))
        bench.restart()
        taken_up = bench.found(run)
        bench.release(run)
        assert bench.end(taken_up).code == 3
        told = old.result(self.patience)
        assert told is not None
        assert told.code == 3
