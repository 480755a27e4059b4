"""The slow look after everything: jobs without an owner, what belongs to no job, time expired."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from compute_ref.jobs.calls import begin_thread
from compute_ref.jobs.expiry import Expiry
from compute_ref.jobs.leftovers import Leftovers
from compute_ref.jobs.mailbox import DeadlinePassed, Left, Mailbox
from compute_ref.jobs.removal import remove_run
from compute_ref.jobs.turn import House
from compute_ref.plugins import Backend
from compute_ref.refusals import SystemShort

log = logging.getLogger(__name__)


class Adopter(Protocol):
    """Who gives unfinished jobs an owner: the engine."""

    def adopt(self) -> None:
        """See that every unfinished job has an owner."""


class Watchdog:
    """A back-up to the events: looks at once when started, then at each ``watchdog`` deadline."""

    def __init__(
        self, house: House, backends: Iterable[Backend], expiry: Expiry, adopter: Adopter
    ) -> None:
        self._house = house
        self._sweeps = [Sweep(house, backend) for backend in {id(b): b for b in backends}.values()]
        self._expiry = expiry
        self._leftovers = Leftovers(house)
        self._adopter = adopter
        self._mailbox = Mailbox(house.clock)
        self._worker = threading.Thread(target=self._work, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._worker.start()

    def close(self, seconds: float) -> None:
        """Look no more; a look under way gets so many seconds of real time to end."""
        self._mailbox.leave()
        if self._worker.is_alive():
            self._worker.join(seconds)

    def _work(self) -> None:
        while True:
            self.look()
            until = self._house.clock.ticks() + self._house.deadlines.watchdog
            try:
                self._mailbox.wait(lambda: False, until, stoppable=False)
            except DeadlinePassed:
                continue
            except Left:
                return

    def look(self) -> None:
        """One look at everything; what fails is logged and tried again the next time."""
        for sweep in self._sweeps:
            sweep.begin()
        for task in (self._adopter.adopt, self._leftovers.look, self._expiry.look):
            _guarded(task)


class Sweep:
    """Removes what a backend still has of runs that no unfinished job knows."""

    def __init__(self, house: House, backend: Backend) -> None:
        self._house = house
        self._backend = backend
        self._under_way = threading.Lock()

    def begin(self) -> None:
        """Sweep on a thread of its own, unless the last sweep has not come back yet."""
        if self._under_way.acquire(blocking=False):
            try:
                begin_thread("sweep", self._work)
            except SystemShort:
                self._under_way.release()
                log.warning("no thread could be had for a sweep; the watchdog tries again")

    def _work(self) -> None:
        try:
            _guarded(self._sweep)
        finally:
            self._under_way.release()

    def _sweep(self) -> None:
        listed = {name for name in self._backend.list() if isinstance(name, str)}
        wanted = {job.launched for job in self._house.store.unfinished() if not job.deleting}
        for name in listed - wanted:
            log.warning("removing the run %s, which belongs to no unfinished job", name)
            remove_run(self._house, self._backend, name)


def _guarded(task: Callable[[], object]) -> None:
    try:
        task()
    except Exception:
        log.exception("the watchdog met a fault; it looks again later")
