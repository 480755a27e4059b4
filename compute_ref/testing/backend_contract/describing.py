"""What a backend says of itself."""

from __future__ import annotations

import re
from typing import Final

from compute_ref.plugins import Limits
from compute_ref.testing.backend_contract.bench import Bench
from compute_ref.testing.backend_contract.contract import ALL_LIMITS, Contract

BOUNDS: Final = ("time", "cpu", "memory", "disk", "processes")
ISOLATIONS: Final = ("filesystem", "network", "user")


class Describing(Contract):
    """What it finds, what it holds, how it names runs."""

    def test_check_says_in_one_line_what_it_found(self, bench: Bench) -> None:
        """The line is for an operator; a backend that cannot work raises instead."""
        line = bench.backend.check()
        assert line.strip()
        assert len(line.splitlines()) == 1

    def test_enforced_tells_how_each_limit_and_isolation_holds(self, bench: Bench) -> None:
        """A sentence or "no" for each of them, which consumers read."""
        told = bench.enforced(ALL_LIMITS)
        assert set(told) >= {*BOUNDS, *ISOLATIONS}
        assert all(isinstance(how, str) and how for how in told.values())

    def test_a_limit_that_is_not_set_is_not_held(self, bench: Bench) -> None:
        """0 is no limit."""
        told = bench.enforced(Limits())
        assert {key: told[key] for key in BOUNDS} == dict.fromkeys(BOUNDS, "no")

    def test_a_name_depends_on_job_and_run_alone(self, bench: Bench) -> None:
        """The next server finds a run by the name that this one made durable."""
        run = bench.run()
        first = bench.name(run)
        bench.restart()
        assert bench.name(run) == first
        names = {first, bench.name(bench.run(again=run)), bench.name(bench.run())}
        assert len(names) == 3
        assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", name) for name in names)
