"""Removing runs, of which nothing may be left."""

from __future__ import annotations

import shutil

from compute_ref.plugins import Exit
from compute_ref.testing.backend_contract.bench import BEAT, STAY, Bench
from compute_ref.testing.backend_contract.contract import Contract


class Removing(Contract):
    """It may come at any time, and more than once."""

    def test_a_run_that_ended_is_removed_without_a_trace(self, bench: Bench) -> None:
        """Its folders belong to the engine, and stay."""
        run = bench.run('echo x > "$OUTPUTS/x"')
        bench.finish(run)
        bench.remove(run)
        assert bench.name(run) not in bench.list()
        assert bench.output(run, "x") == "x\n"

    def test_a_running_algorithm_is_ended_first(self, bench: Bench) -> None:
        """Whoever waits for it comes back."""
        run, handle = bench.begin(f"trap '' TERM\n: > \"$OUTPUTS/ready\"\n{BEAT}")
        bench.remove(run)
        bench.assert_dead(run)
        assert bench.name(run) not in bench.list()
        assert isinstance(bench.wait(handle), Exit)

    def test_it_may_be_repeated(self, bench: Bench) -> None:
        """The engine may not know that it was done."""
        run, _ = bench.begin(STAY)
        for _ in range(2):
            bench.remove(run)
            assert bench.name(run) not in bench.list()
        bench.restart()
        bench.remove(run)

    def test_what_was_never_launched_can_be_removed(self, bench: Bench) -> None:
        """There is a name before there is a run."""
        run = bench.run()
        bench.remove(run)
        assert bench.name(run) not in bench.list()

    def test_others_stay(self, bench: Bench) -> None:
        """Also where one name begins like another."""
        run, handle = bench.begin(STAY + "exit 3")
        other, _ = bench.begin(STAY, again=run)
        bench.remove(other)
        assert bench.name(run) in bench.list()
        assert bench.wait(handle, 0) is None
        bench.release(run)
        assert bench.end(handle).code == 3

    def test_a_run_that_no_job_knows_is_listed_for_the_sweep(self, bench: Bench) -> None:
        """The server sweeps up what a crash has left without an owner."""
        run, _ = bench.begin(f': > "$OUTPUTS/ready"\n{BEAT}')
        bench.restart()
        assert bench.name(run) in bench.list()
        bench.remove(run)
        bench.assert_dead(run)
        assert bench.name(run) not in bench.list()

    def test_a_run_whose_folders_are_gone_is_listed_and_removed(self, bench: Bench) -> None:
        """A deleted job's folders may go before a backend lets go of its run."""
        run, _ = bench.begin(': > "$OUTPUTS/ready"\nexec sleep 600')
        shutil.rmtree(run.folders.root.parent)
        bench.restart()
        assert bench.name(run) in bench.list()
        bench.remove(run)
        assert bench.name(run) not in bench.list()
