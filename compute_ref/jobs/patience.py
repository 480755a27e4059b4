"""Asking a backend again while it says that it cannot work now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, TypeVar

from compute_ref.jobs.calls import CallFailed
from compute_ref.jobs.mailbox import DeadlinePassed, StopAsked
from compute_ref.jobs.turn import Turn
from compute_ref.plugins import AlgorithmUnavailable, BackendUnavailable

T = TypeVar("T")
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
#: seconds that a launch under way gets to come back once a stop is asked
PARTING: Final = 0.5

log = logging.getLogger(__name__)


def patiently(turn: Turn, title: str, function: Callable[[], T], seconds: float) -> T:
    """Call `function` again after each BackendUnavailable, for `seconds` in all.

    Raises StopAsked, AlgorithmUnavailable, Left, and CallFailed for everything else.
    """
    until = turn.until(seconds)
    pause = FIRST_PAUSE
    while True:
        try:
            return _once(turn, title, function, until)
        except BackendUnavailable as error:
            log.warning("job %s: %s: the backend is unavailable: %s", turn.ticket[0], title, error)
        _pause(turn, title, min(until, turn.until(pause)), until)
        pause = min(LONGEST_PAUSE, 2 * pause)


def _once(turn: Turn, title: str, function: Callable[[], T], until: float) -> T:
    call = turn.begin(title, function)
    try:
        turn.mailbox.wait(lambda: call.done, until, stoppable=True)
    except StopAsked:
        _part(turn, lambda: call.done)
    except DeadlinePassed:
        log.error("job %s: %s did not come back", turn.ticket[0], title)
        raise CallFailed(f"{title} did not come back in time") from None
    return turn.answer(title, call, (AlgorithmUnavailable, BackendUnavailable))


def _part(turn: Turn, done: Callable[[], bool]) -> None:
    try:
        turn.mailbox.wait(done, turn.until(PARTING), stoppable=False)
    except DeadlinePassed:
        raise StopAsked from None


def _pause(turn: Turn, title: str, wake: float, until: float) -> None:
    try:
        turn.mailbox.wait(lambda: False, wake, stoppable=True)
    except DeadlinePassed:
        if wake >= until:
            raise CallFailed(f"it was unavailable for {title} all the time allowed") from None
