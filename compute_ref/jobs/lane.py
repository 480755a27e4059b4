"""The places of one environment: at most `maxJobs` at once, first in first out."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Ticket = TypeVar("Ticket", bound=Hashable)


class Lane(Generic[Ticket]):
    """Who has a place and who waits for one.

    `begin` is called, outside any lock, for each ticket that gets a place; `places` 0 gives none.
    """

    def __init__(self, places: int, begin: Callable[[Ticket], None]) -> None:
        self._places = places
        self._begin = begin
        self._lock = threading.Lock()
        self._waiting: deque[Ticket] = deque()
        self._taken: set[Ticket] = set()
        self._closed = False

    def __len__(self) -> int:
        with self._lock:
            return len(self._taken)

    def enter(self, ticket: Ticket) -> None:
        """Wait for a place behind all others."""
        with self._lock:
            self._waiting.append(ticket)
        self._fill()

    def adopt(self, ticket: Ticket) -> None:
        """Take a place at once, even one more than there are: this run is under way already."""
        with self._lock:
            self._taken.add(ticket)
        self._begin(ticket)

    def withdraw(self, ticket: Ticket) -> bool:
        """Leave the queue; False where the ticket was not waiting in it."""
        with self._lock:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
            return True

    def leave(self, ticket: Ticket) -> None:
        """Give the place back, if there was one, to the next who waits."""
        self.give_back(ticket)
        self._fill()

    def give_back(self, ticket: Ticket) -> None:
        """Give the place back, and to nobody yet: whoever comes next finds it."""
        with self._lock:
            self._taken.discard(ticket)

    def close(self) -> None:
        """Give no more places."""
        with self._lock:
            self._closed = True

    def _fill(self) -> None:
        for ticket in iter(self._next, None):
            self._begin(ticket)

    def _next(self) -> Ticket | None:
        with self._lock:
            if self._closed or not self._waiting or len(self._taken) >= self._places:
                return None
            ticket = self._waiting.popleft()
            self._taken.add(ticket)
            return ticket
