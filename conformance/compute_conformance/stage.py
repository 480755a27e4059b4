"""Places for algorithms that stay until they are stopped."""

from __future__ import annotations

import threading
from typing import Final

from compute_conformance.verdicts import Disabled

MOST: Final = 3  # that one check keeps running at once


class Stage:
    """Lets as many checks at once have algorithms that stay as the target has places for.

    Two checks that had one each, and waited for a place for another, would wait in vain.
    """

    def __init__(self, places: int | None = None) -> None:
        """`places` is None where the target does not tell them."""
        self.places = places
        self._free = threading.Semaphore(max(1, self._spare // MOST))
        self._here = threading.local()

    def enter(self) -> None:
        """Wait for one's turn; who has it already goes on."""
        if not getattr(self._here, "entered", False):
            self._free.acquire()
            self._here.entered = True

    @property
    def _spare(self) -> int:
        """How many may be kept: one is for jobs that end by themselves."""
        return (self.places or 1) - 1

    def room(self, jobs: int) -> bool:
        """Whether one may keep another algorithm beside so many, and jobs that end find a place."""
        return jobs < min(MOST, self._spare)

    def hold(self, jobs: int) -> None:
        """Disabled where so many jobs cannot run at once."""
        if self.places is not None and jobs > self.places:
            raise Disabled(f"an environment that runs {jobs} jobs at once", self.places)

    def leave(self) -> None:
        """Let the next one in, once nothing of one's own runs."""
        if getattr(self._here, "entered", False):
            self._here.entered = False
            self._free.release()
