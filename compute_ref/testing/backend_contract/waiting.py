"""Waiting for the end of a run, which is over when nothing of it is alive."""

from __future__ import annotations

import concurrent.futures
from functools import partial

import pytest

from compute_ref.testing.backend_contract.bench import BEAT, STAY, Bench, begun
from compute_ref.testing.backend_contract.contract import Contract


class Waiting(Contract):
    """`wait` blocks until the end, and tells it as often as it is asked."""

    def test_waiting_ends_without_an_answer_when_its_time_is_over(self, bench: Bench) -> None:
        """The run goes on."""
        run, handle = bench.begin(STAY + "exit 3")
        assert bench.wait(handle, 0) is None
        assert bench.wait(handle, 0.3) is None
        bench.release(run)
        assert bench.end(handle).code == 3

    def test_the_end_is_told_again(self, bench: Bench) -> None:
        """At once, and the same."""
        handle = bench.launch(bench.run("exit 3"))
        first = bench.end(handle)
        assert first.code == 3
        assert bench.wait(handle, 0) == first

    def test_all_who_wait_are_told(self, bench: Bench) -> None:
        """Each of them waits for ever."""
        run, handle = bench.begin(STAY + "exit 3")
        waiting = [begun(partial(bench.wait, handle)) for _ in range(3)]
        assert not concurrent.futures.wait(waiting, 0.2).done
        bench.release(run)
        assert [one.result(self.patience) for one in waiting] == [bench.end(handle)] * 3

    def test_waiting_ends_when_the_run_is_stopped(self, bench: Bench) -> None:
        """By another thread, as the engine does it."""
        run, handle = bench.begin(STAY)
        waiting = begun(partial(bench.wait, handle))
        bench.stop(run, 0)
        end = waiting.result(self.patience)
        assert end is not None
        assert end.code != 0

    @pytest.mark.parametrize("apart", ["sh", "setsid sh"], ids=["child", "daemon"])
    def test_what_an_algorithm_leaves_running_is_ended_first(
        self, bench: Bench, apart: str
    ) -> None:
        """Whoever collects the outputs is alone with them."""
        run = bench.run(
            f"{apart} -c 'trap \"\" TERM HUP; {BEAT}' > /dev/null 2>&1 &\n"
            'until [ -s "$OUTPUTS/beats" ]; do sleep 0.1; done\nexit 3'
        )
        assert bench.finish(run).code == 3
        assert bench.beats(run) > 0
        bench.assert_dead(run)
