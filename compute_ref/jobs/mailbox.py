"""Where the worker of one job waits, and where others leave it word.

Three things wake a worker: the call it made came back, somebody wants the job stopped, the time
it may wait is over. A fourth sends it away: the server closes, or the job is being deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from compute_ref.clock import Clock


class Left(Exception):
    """The worker is to put the job down as it is: somebody else sees to it now."""


class StopAsked(Exception):
    """The job's owner wants it stopped."""


class DeadlinePassed(Exception):
    """What was waited for did not come in time."""


class Mailbox:
    """The events of one job's run; every method may be called from any thread.

    `alive` tells whether an algorithm runs or may be running; once a stop is asked it can no
    longer become true, so that the answer to a stop can rest on it.
    """

    def __init__(self, clock: Clock, *, stop_asked: bool = False, alive: bool = False) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._stop_asked = stop_asked
        self._leaving = False
        self._alive = alive
        self._over = False

    @property
    def stop_asked(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop_asked

    @property
    def leaving(self) -> bool:
        """Whether the worker was told to go."""
        return self._leaving

    @property
    def over(self) -> bool:
        """Whether the worker is gone."""
        return self._over

    def ask_stop(self) -> None:
        """Wake the worker to stop its job."""
        with self._changed:
            self._stop_asked = True
            self._changed.notify_all()

    def leave(self) -> None:
        """Send the worker away; its next wait raises :class:`Left`."""
        with self._changed:
            self._leaving = True
            self._changed.notify_all()

    def deliver(self, change: Callable[[], None]) -> None:
        """Do `change` and wake the worker to look at it."""
        with self._changed:
            change()
            self._changed.notify_all()

    def may_launch(self) -> bool:
        """Claim that an algorithm will run; False once a stop was asked."""
        with self._changed:
            self._alive = self._alive or not self._stop_asked
            return self._alive

    def ended(self) -> None:
        """No algorithm of this run is alive any more."""
        self.deliver(lambda: setattr(self, "_alive", False))

    def gone(self) -> None:
        """The worker has left; nothing more will happen here."""
        self.deliver(lambda: setattr(self, "_over", True))

    def wait(self, ready: Callable[[], bool], until: float | None, *, stoppable: bool) -> None:
        """Return when `ready()`; raise StopAsked if `stoppable`, DeadlinePassed at `until`.

        `until` is in ticks of the boot clock, None for no limit. Raises Left before all else.
        """
        with self._changed:
            self._clock.wait_for(
                self._changed,
                lambda: self._leaving or ready() or (stoppable and self._stop_asked),
                until,
            )
            if self._leaving:
                raise Left
            if ready():
                return
            raise StopAsked if stoppable and self._stop_asked else DeadlinePassed

    def await_quiet(self, until: float) -> bool:
        """Wait until no algorithm runs, at most until the boot clock shows `until`."""
        with self._changed:
            return self._clock.wait_for(self._changed, lambda: self._over or not self._alive, until)

    def await_gone(self, until: float) -> bool:
        """Wait until the worker has left, at most until the boot clock shows `until`."""
        with self._changed:
            return self._clock.wait_for(self._changed, lambda: self._over, until)
