"""Stopping a run: ask, give it its grace, end it by force."""

from __future__ import annotations

import time
from typing import Final

from compute_ref.testing.backend_contract.bench import BEAT, STAY, Bench
from compute_ref.testing.backend_contract.contract import Contract

READY: Final = ': > "$OUTPUTS/ready"\n'
BEYOND_GRACE: Final = 20  # seconds that ending by force may take on a busy machine


class Stopping(Contract):
    """It may come at any time, and nothing is alive when it returns."""

    def test_a_stop_before_the_launch_is_no_matter(self, bench: Bench) -> None:
        """A launch that comes later runs the algorithm whole, or not at all."""
        run = bench.run('echo done > "$OUTPUTS/done"')
        bench.stop(run, 1)
        assert bench.name(run) not in bench.list()
        end = bench.finish(run)
        assert (end.code == 0) is (run.folders.outputs / "done").exists()

    def test_a_stop_ends_a_running_algorithm(self, bench: Bench) -> None:
        """For whoever waits later, too."""
        run, handle = bench.begin(READY + BEAT)
        bench.stop(run, 1)
        bench.assert_dead(run)
        end = bench.wait(handle, 0)
        assert end is not None, "after a stop, wait must know that the run is over"
        assert end.code != 0

    def test_an_algorithm_that_listens_ends_in_its_own_way(self, bench: Bench) -> None:
        """TERM reaches it, and its grace is its own."""
        run, handle = bench.begin(
            "trap 'sleep 0.3; echo saved > \"$OUTPUTS/saved\"; exit 5' TERM\n"
            f"{READY}while :; do sleep 0.1; done"
        )
        bench.stop(run, 60)
        assert bench.output(run, "saved") == "saved\n"
        assert bench.end(handle).code == 5

    def test_an_algorithm_that_ignores_being_asked_is_ended_after_its_grace(
        self, bench: Bench
    ) -> None:
        """KILL, and its exit code where that is known."""
        run, handle = bench.begin(f"trap '' TERM\n{READY}{BEAT}")
        began = time.monotonic()
        bench.stop(run, 1)
        took = time.monotonic() - began
        bench.assert_dead(run)
        assert 1 <= took < 1 + BEYOND_GRACE
        assert bench.end(handle).code in (137, None)

    def test_a_stop_after_the_end_changes_nothing(self, bench: Bench) -> None:
        """The end stays as it was told."""
        run = bench.run("exit 3")
        end = bench.finish(run)
        bench.stop(run, 1)
        assert bench.end(bench.found(run)) == end
        assert end.code == 3

    def test_a_stop_may_be_repeated(self, bench: Bench) -> None:
        """A second consumer's call finds it done."""
        run, handle = bench.begin(STAY)
        bench.stop(run, 0)
        first = bench.end(handle)
        bench.stop(run, 0)
        assert bench.end(handle) == first

    def test_a_stop_of_one_run_leaves_others_alone(self, bench: Bench) -> None:
        """Not even one of the same job is touched."""
        run, handle = bench.begin(STAY + "exit 3")
        stopped, _ = bench.begin(STAY, again=run)
        bench.stop(stopped, 0)
        assert bench.wait(handle, 0) is None
        bench.release(run)
        assert bench.end(handle).code == 3
