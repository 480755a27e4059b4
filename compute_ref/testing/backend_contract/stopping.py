"""Stopping: at any time, in time, and with nothing alive afterwards."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from compute_ref.plugins import Exit, ExitReason
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.scripts import AWAIT_GO, BEAT_READY, SAY_READY, STAY
from compute_ref.testing.backend_contract.server import Server

LONG = 30  # seconds of grace that nobody is to need
SHORT = 1  # seconds of grace that an algorithm which does not listen uses up


class Stopping(Abilities):
    """Stopping at any time."""

    def test_a_run_stopped_before_its_launch_never_starts(self, server: Server) -> None:
        """A launch that comes late starts nothing; the end has no exit code."""
        run = server.script('echo never > "$OUTPUTS/never"')
        server.backend.stop(server.name(run), LONG)
        assert server.finish(run).code is None
        assert not (run.folders.outputs / "never").exists()

    def test_a_stop_ends_all_of_a_run(self, server: Server) -> None:
        """When it returns the end can be told and no process of the run is alive."""
        run = server.script(BEAT_READY + STAY)
        handle = server.begin(run)
        server.backend.stop(handle.name, SHORT)
        assert server.still(run.folders.outputs)
        end = server.backend.wait(handle, 0)
        assert end is not None, "stop returned while the run was not over"
        assert end.reason is ExitReason.EXITED
        assert end.code != 0

    def test_a_stop_of_one_run_leaves_the_others(self, server: Server) -> None:
        """They are not even asked."""
        others = server.script("trap 'exit 5' TERM\n" + SAY_READY + AWAIT_GO)
        handle, stopped = server.begin(others), server.begin(server.script(STAY))
        server.backend.stop(stopped.name, 0)
        assert server.backend.wait(handle, 0) is None
        server.let_go(others)
        assert server.end(handle) == Exit(0)

    def test_a_run_is_asked_before_it_is_ended(self, server: Server) -> None:
        """TERM first: an algorithm that listens saves its work and ends in its own way."""
        saving = """trap 'echo saved > "$OUTPUTS/saved"; exit 5' TERM\n"""
        run = server.script(saving + STAY)
        handle = server.begin(run)
        server.backend.stop(handle.name, LONG)
        assert server.backend.wait(handle, 0) == Exit(5)
        assert server.output(run, "saved") == "saved\n"

    def test_a_run_that_ignores_term_is_ended_by_force(self, server: Server) -> None:
        """After the grace, and soon after it."""
        run = server.script("trap '' TERM\n" + BEAT_READY + STAY)
        handle = server.begin(run)
        began = time.monotonic()
        server.backend.stop(handle.name, SHORT)
        took = time.monotonic() - began
        assert server.still(run.folders.outputs)
        assert SHORT <= took < SHORT + self.slack
        end = server.backend.wait(handle, 0)
        assert end is not None, "stop returned while the run was not over"
        assert end.code != 0

    def test_a_stop_after_the_end_changes_nothing(self, server: Server) -> None:
        """The exit code stays the algorithm's own, however often the run is stopped."""
        run = server.script("exit 3")
        handle = server.backend.launch(run)
        assert server.end(handle) == Exit(3)
        for _ in range(2):
            server.backend.stop(handle.name, LONG)
            assert server.end(handle) == Exit(3)

    def test_stopping_what_never_was_does_nothing(self, server: Server) -> None:
        """Neither a fault nor a trace."""
        for name in (server.backend.name("0123abcz", 1), server.name(server.run("true"))):
            server.backend.stop(name, LONG)
            assert server.backend.find(name) is None
        assert server.listed() == set()

    def test_a_stop_during_the_launch_leaves_nothing_running(self, server: Server) -> None:
        """Whichever comes first."""
        for _ in range(5):
            run = server.script(STAY)
            both = threading.Barrier(2)

            def stop(name: str, both: threading.Barrier = both) -> None:
                both.wait()
                server.backend.stop(name, 0)

            with ThreadPoolExecutor(1) as pool:
                stopped = pool.submit(stop, server.name(run))
                both.wait()
                handle = server.backend.launch(run)
                stopped.result()
            assert server.end(handle).code != 0
