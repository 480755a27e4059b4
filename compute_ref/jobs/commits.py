"""Group commit: many who wait for the disk share one sync."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from compute_ref.jobs.files import JournalFile
from compute_ref.refusals import StoreUnavailable

logger = logging.getLogger("compute_ref.store")


class Position(NamedTuple):
    """How far a file has come: its last ticket, its bytes."""

    ticket: int
    end: int
    file: JournalFile


class Commits:
    """Takes a journal's changes to the disk.

    The first who waits syncs for everybody who came before the sync began; the others sleep.
    After a failed sync nothing is known of the file any more (the kernel may have dropped what
    it could not write), so that every later call raises StoreUnavailable until a restart.
    `position` tells how far the file is, under the journal's own lock; whoever holds that lock
    must not wait here.
    """

    def __init__(self, position: Callable[[], Position]) -> None:
        self._position = position
        self._changed = threading.Condition()
        self._leading = False
        self._ticket = 0
        self._broken = False
        self.durable = 0  #: bytes of the file that are on the disk, at least

    def check(self) -> None:
        """Raise StoreUnavailable if the store cannot be trusted any more, or is closed."""
        if self._broken:
            raise StoreUnavailable

    def give_up(self) -> None:
        """Refuse everything from now on."""
        self._broken = True

    def wait(self, ticket: int) -> None:
        """Return once the change of that ticket is on the disk."""
        with self._changed:
            while self._ticket < ticket:
                self.check()
                if self._leading:
                    self._changed.wait()
                else:
                    self._lead()
        self.check()

    @contextmanager
    def held(self) -> Iterator[Callable[[Position], None]]:
        """Let nobody's wait begin or end meanwhile.

        Gives what to call with the position up to which all is on the disk by other means.
        """
        with self._changed:
            while self._leading:
                self._changed.wait()
            yield self._done
            self._changed.notify_all()

    def _lead(self) -> None:
        """Sync for all; called and left with the condition held, but not held in between."""
        self._leading = True
        position = self._position()
        self._changed.release()
        try:
            position.file.sync()
        except OSError as failed:
            logger.critical("The disk did not take the store: %s. Restart.", failed.strerror)
            self.give_up()
        finally:
            self._changed.acquire()
            self._leading = False
            self._changed.notify_all()
        if not self._broken:
            self._done(position)

    def _done(self, position: Position) -> None:
        self._ticket, self.durable = position.ticket, position.end
