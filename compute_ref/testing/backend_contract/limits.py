"""Algorithms that take more than they may."""

from __future__ import annotations

from typing import Final

from compute_ref.plugins import ExitReason
from compute_ref.testing.backend_contract.bench import BEAT, Bench
from compute_ref.testing.backend_contract.contract import Contract

MIB: Final = 2**20
#: takes 256 MiB, step by step, in the very process that the entrypoint names
GROW: Final = """exec awk 'BEGIN { x = "x"; for (n = 0; n < 28; n++) x = x x }'"""


class HoldingLimits(Contract):
    """Each is ended for the reason that it was; a limit not held is told as "no"."""

    def test_time(self, bench: Bench) -> None:
        """What was written until then stays."""
        if not self.holds(bench, "time"):
            return
        run = bench.run(f"trap 'exit 1' TERM\necho begun\n{BEAT}", seconds=1)
        end = bench.finish(run)
        assert end.reason is ExitReason.TIMEOUT, end
        assert end.code != 0
        bench.assert_dead(run)
        assert bench.log(run).startswith("begun\n")

    def test_memory(self, bench: Bench) -> None:
        """The algorithm would be content with four times its limit."""
        if not self.holds(bench, "memory"):
            return
        run = bench.run(GROW, memory=64 * MIB)
        end = bench.finish(run)
        assert end.reason is ExitReason.OOM, (end, bench.log(run))
        assert end.code != 0

    def test_disk(self, bench: Bench) -> None:
        """In many files; the algorithm would be content with eight times its limit."""
        if not self.holds(bench, "disk"):
            return
        run = bench.run(
            "n=0; while [ $n -lt 64 ]; do\n"
            f'  head -c {MIB} /dev/zero > "$OUTPUTS/$n" || exit 1; n=$((n + 1))\n'
            "done",
            disk=8 * MIB,
        )
        end = bench.finish(run)
        assert end.reason is ExitReason.STORAGE, (end, bench.log(run))

    def test_processes(self, bench: Bench) -> None:
        """An algorithm that wants more at once comes to no good end."""
        if not self.holds(bench, "processes"):
            return
        run = bench.run(
            "n=0; while [ $n -lt 200 ]; do sleep 600 & n=$((n + 1)); done\n"
            'sleep 5; : > "$OUTPUTS/all"',
            processes=32,
        )
        assert bench.finish(run).code != 0
        assert not (run.folders.outputs / "all").exists()
