"""Limits: each ends what takes more, under its own reason, or is declared not to hold."""

from __future__ import annotations

from typing import Final

from compute_ref.plugins import Exit, ExitReason, Limits
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.scripts import BEAT_READY, STAY
from compute_ref.testing.backend_contract.server import Server

MIB: Final = 2**20
#: what `enforced` is to tell of and the contract tries out
TRIED: Final = frozenset({"time", "memory", "disk", "processes", "filesystem", "network"})
#: and what it is to tell of besides
TOLD: Final = frozenset({"cpu", "user"})
BOUNDED: Final = ("time", "memory", "disk", "processes")
SOME: Final = Limits(1, 512 * MIB, 64 * MIB, MIB, 60, 64)
#: `tail` keeps what has no line end yet
TAKE_MEMORY: Final = "head -c 300000000 /dev/zero | tail > /dev/null\n"
TAKE_DISK: Final = """
n=0
while test $n -lt 32; do
    n=$((n + 1))
    head -c 1000000 /dev/zero > "$OUTPUTS/$n"
done
"""
TAKE_PROCESSES: Final = """
n=0
while test $n -lt 200; do
    n=$((n + 1))
    sleep 3 &
done
wait
"""


class Limiting(Abilities):
    """Limits hold."""

    def test_it_tells_what_it_holds(self, server: Server) -> None:
        """Consumers read how each limit and isolation holds; "no" is what is declared here."""
        assert TRIED.issuperset(self.not_held)
        for key in TRIED:
            self.holds(server, key, SOME)
        told = server.backend.enforced(SOME)
        assert TOLD.issubset(told)
        assert all(how.strip() for how in told.values())

    def test_a_limit_that_is_not_set_is_not_held(self, server: Server) -> None:
        """It says "no" of what this environment does not bound."""
        told = server.backend.enforced(Limits())
        assert [told[key] for key in BOUNDED] == ["no"] * len(BOUNDED)

    def test_the_time_limit_ends_a_run(self, server: Server) -> None:
        """Its children too; what it said until then is in its log."""
        run = server.script("echo begun\n" + BEAT_READY + STAY, seconds=self.time_limit)
        if self.holds(server, "time", run.limits):
            end = server.finish(run)
            assert end.reason is ExitReason.TIMEOUT
            assert end.code != 0
            assert server.still(run.folders.outputs)
            assert server.log(run).startswith("begun\n")

    def test_too_much_memory_ends_a_run(self, server: Server) -> None:
        """And is told apart from an algorithm that failed."""
        run = server.script(TAKE_MEMORY, memory=64 * MIB)
        if self.holds(server, "memory", run.limits):
            end = server.finish(run)
            assert end.reason is ExitReason.OOM, server.log(run)
            assert end.code != 0

    def test_too_much_disk_ends_a_run(self, server: Server) -> None:
        """Also where it is many files and the algorithm never learns of it."""
        run = server.script(TAKE_DISK + STAY, disk=4 * MIB)
        if self.holds(server, "disk", run.limits):
            assert server.finish(run).reason is ExitReason.STORAGE, server.log(run)

    def test_too_many_processes_do_not_end_well(self, server: Server) -> None:
        """Whether the run is ended or its shell refused; that is the algorithm's failure."""
        run = server.script(TAKE_PROCESSES, processes=32)
        if self.holds(server, "processes", run.limits):
            end = server.finish(run)
            assert end.reason is ExitReason.EXITED
            assert end.code != 0

    def test_within_its_limits_a_run_is_left_alone(self, server: Server) -> None:
        """It uses a part of each."""
        code = 'head -c 1000000 /dev/zero > "$OUTPUTS/some"; head -c 1000000 /dev/zero | tail -c 9'
        limits = {"memory": SOME.memory, "disk": SOME.disk, "processes": SOME.processes}
        assert server.finish(server.script(code, cpus=SOME.cpus, **limits)) == Exit(0)

    def test_a_chatty_log_is_cut_and_the_run_goes_on(self, server: Server) -> None:
        """The first of it is kept, the rest dropped, and the algorithm neither waits nor fails."""
        run = server.script('yes said | head -c 5000000; echo x > "$OUTPUTS/after"', log=10_000)
        assert server.finish(run) == Exit(0)
        assert server.output(run, "after") == "x\n"
        log = server.log(run)
        assert log.startswith("said\n" * 2_000)
        assert len(log) < 11_000

    def test_a_log_as_long_as_allowed_is_whole(self, server: Server) -> None:
        """Nothing is added to it."""
        run = server.run("printf 0123456789", log=10)
        assert server.finish(run) == Exit(0)
        assert server.log(run) == "0123456789"
