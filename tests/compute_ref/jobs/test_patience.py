"""A backend that cannot work now is asked again, as long as its time and the owner allow.

Time passes only where the worker waits, and at once; so there are no other threads here.
"""

from __future__ import annotations

import errno
from typing import NoReturn

import pytest

from compute_ref.jobs.calls import CallFailed
from compute_ref.jobs.mailbox import StopAsked
from compute_ref.jobs.patience import PARTING, patiently
from compute_ref.jobs.turn import Turn
from compute_ref.plugins import BackendUnavailable
from tests.compute_ref.jobs.conftest import MakeTurn


class Away:
    """A backend's verb that is never available; when it was asked, in seconds."""

    def __init__(self, turn: Turn, *, stopped_after: int = 100) -> None:
        self._turn, self._stopped_after = turn, stopped_after
        self.asked: list[float] = []

    def __call__(self) -> NoReturn:
        self.asked.append(self._turn.house.clock.ticks())
        if len(self.asked) == self._stopped_after:
            self._turn.mailbox.ask_stop()
        raise BackendUnavailable("not now")


def test_the_pauses_grow_and_end_with_the_time_allowed(make_turn: MakeTurn) -> None:
    turn = make_turn()
    away = Away(turn)
    with pytest.raises(CallFailed, match="^it was unavailable for find all the time allowed$"):
        patiently(turn, "find", away, 100)
    assert away.asked == [0, 1, 3, 7, 15, 31, 61, 91]


def test_nothing_is_asked_once_the_time_is_over(make_turn: MakeTurn) -> None:
    turn = make_turn()
    away = Away(turn)
    with pytest.raises(CallFailed, match="unavailable"):
        patiently(turn, "find", away, 3)
    assert away.asked == [0, 1]


def test_a_stop_is_heard_in_a_pause(make_turn: MakeTurn) -> None:
    turn = make_turn()
    away = Away(turn, stopped_after=2)
    with pytest.raises(StopAsked):
        patiently(turn, "find", away, 100)
    assert away.asked == [0, 1]


def test_a_call_under_way_may_come_back_soon_after_a_stop(make_turn: MakeTurn) -> None:
    turn = make_turn(launch=PARTING)
    turn.mailbox.ask_stop()
    assert patiently(turn, "launch", lambda: "launched", 100) == "launched"


def test_a_call_that_does_not_is_left(make_turn: MakeTurn) -> None:
    turn = make_turn(launch=PARTING + 0.1)
    turn.mailbox.ask_stop()
    with pytest.raises(StopAsked):
        patiently(turn, "launch", lambda: "launched", 100)


def test_a_call_that_fails_is_named(make_turn: MakeTurn) -> None:
    def broken() -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CallFailed, match=r"^launch failed \(No space left on device\)$"):
        patiently(make_turn(), "launch", broken, 100)


def test_what_is_no_fault_of_the_system_is_not_described(make_turn: MakeTurn) -> None:
    def broken() -> NoReturn:
        raise ValueError("/srv/secret")

    with pytest.raises(CallFailed, match=r"^launch failed$"):
        patiently(make_turn(), "launch", broken, 100)


def test_a_call_that_does_not_come_back_fails(make_turn: MakeTurn) -> None:
    turn = make_turn(launch=101)
    with pytest.raises(CallFailed, match="^launch did not come back in time$"):
        patiently(turn, "launch", lambda: "launched", 100)
