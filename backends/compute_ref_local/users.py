"""A user of its own for each running algorithm, where the server is root."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from compute_ref.plugins import BackendUnavailable

MANY: Final = 1_000
END_ALL: Final = "import os, signal; os.kill(-1, signal.SIGKILL)"


class Users:
    """Numbers of users that nobody else has, from `first` on; a lock file for each in use."""

    def __init__(self, folder: Path, first: int) -> None:
        self._folder = folder
        self._first = first

    def take(self) -> tuple[int, int]:
        """A free user and the descriptor whose lock keeps it; the run's supervisor holds it on."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for uid in range(self._first, self._first + MANY):
            descriptor = os.open(
                self._folder / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return uid, descriptor
        raise BackendUnavailable(f"all {MANY} users from {self._first} on are in use: wait")


def end_all_of(uid: int) -> None:
    """KILL every process of a user, in one step that no fork can escape."""
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", END_ALL],
        user=uid,
        group=uid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
