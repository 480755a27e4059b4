"""A user of its own for each running algorithm, where the server is root."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from compute_ref.plugins import BackendUnavailable
from compute_ref_local.leftovers import end_all_of

MANY: Final = 1_000
#: for all servers of the machine: two that gave the same user would end each other's runs
LOCKS: Final = Path("/run/compute-ref/users")


class Users:
    """Numbers of users that nobody else has, from `first` on; a locked file for each in use."""

    def __init__(self, first: int, locks: Path = LOCKS) -> None:
        self._first = first
        self._locks = locks

    @contextlib.contextmanager
    def one(self) -> Iterator[tuple[int, int]]:
        """A user that has no process, and the descriptor whose lock keeps it.

        The run's supervisor inherits the descriptor and holds it for as long as it lives.
        Raises BackendUnavailable where all are in use.
        """
        for uid in range(self._first, self._first + MANY):
            lock = self._lock(uid)
            if lock is not None:
                try:
                    end_all_of(uid)
                    yield uid, lock
                finally:
                    os.close(lock)
                return
        raise BackendUnavailable(f"all {MANY} users from {self._first} on are in use: wait")

    def end_rest(self, uid: int) -> None:
        """End what a run whose supervisor is gone left; a user that is in use again has none."""
        lock = self._lock(uid)
        if lock is not None:
            try:
                end_all_of(uid)
            finally:
                os.close(lock)

    def _lock(self, uid: int) -> int | None:
        self._locks.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self._locks / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return lock
