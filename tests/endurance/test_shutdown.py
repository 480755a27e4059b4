"""SIGTERM: the server ends in time and the algorithm goes on without it."""

from __future__ import annotations

from pathlib import Path

from tests.endurance.live import Consumer, Live, final_jobs, prepare
from tests.endurance.test_kill import ONCE, assert_ran_once


def test_an_algorithm_goes_on_while_the_server_is_restarted(tmp_path: Path) -> None:
    configuration = prepare(tmp_path)
    consumer = Consumer()
    first = Live(configuration)
    started = consumer.start(first.netloc, ONCE.format(seconds=1), "0x1")
    assert started.status == 200, started.body
    assert first.end() == 0
    with Live(configuration) as second:
        (job,) = final_jobs(consumer, second, 1)
        assert_ran_once(consumer, second, job)
