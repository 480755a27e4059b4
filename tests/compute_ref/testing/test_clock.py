"""A clock for tests moves when it is told to and wakes those whose time has come."""

from __future__ import annotations

import threading

from compute_ref.testing.clock import MovedClock


def test_time_stands_still_until_it_is_moved() -> None:
    clock = MovedClock(now=100)
    assert (clock.now(), clock.ticks()) == (100, 0)
    clock.advance(5)
    assert (clock.now(), clock.ticks()) == (105, 5)
    assert clock.moment().until(clock.moment()) == 0


def test_a_waiter_wakes_at_its_moment_and_not_before() -> None:
    clock, condition = MovedClock(), threading.Condition()
    waiting = threading.Event()
    woke: list[bool] = []

    def wait() -> None:
        with condition:
            waiting.set()
            woke.append(clock.wait_for(condition, lambda: False, 10))

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(20)
    with condition:
        assert woke == []
    clock.advance(9)
    with condition:
        assert woke == []
    clock.advance(1)
    thread.join(20)
    assert woke == [False]


def test_a_waiter_sees_what_it_waits_for() -> None:
    clock, condition = MovedClock(), threading.Condition()
    ready: list[int] = []
    with condition:
        assert not clock.wait_for(condition, lambda: bool(ready), 0)
        ready.append(1)
        assert clock.wait_for(condition, lambda: bool(ready), 0)
