"""The algorithm's log: the daemon's copy of what it wrote, taken over while it runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import Final

CUT: Final = b"\n[The rest of this log was cut off: it is longer than the environment allows.]\n"
GAP: Final = (
    b"\n[Here the log was written faster than it could be kept: lines are missing, and some"
    b" may be repeated.]\n"
)
FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class AlgorithmLog:
    """The file, which is at any time the beginning of the daemon's copy, up to `limit` bytes.

    So the file itself says how far it is, also to the next server. 0 is no limit.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit or 2**63
        self._base = 0  # where in the file the daemon's copy begins

    @property
    def full(self) -> bool:
        """Whether it was cut off, and nothing may follow."""
        return self._path.exists() and self._path.stat().st_size > self._limit

    def take(self, pieces: Iterable[bytes]) -> None:
        """Add what is new in the daemon's copy, given from its first byte on.

        A disk that takes no more costs the rest of the log, not the run.
        """
        if self.full:
            return
        try:
            with self._opened() as file:
                file.seek(self._base)
                self._take(file, pieces)
        except OSError:
            return

    def say(self, text: str) -> None:
        """Add a line of the server's own, whatever the limit."""
        try:
            with self._opened() as file:
                file.write(f"[{text}]\n".encode())
        except OSError:
            return

    def _opened(self) -> FileIO:
        return FileIO(os.open(self._path, FLAGS, 0o644), "r+")

    def _take(self, file: FileIO, pieces: Iterable[bytes]) -> None:
        size = os.fstat(file.fileno()).st_size
        for piece in pieces:
            known = file.read(len(piece))
            new = piece[len(known) :]
            if not piece.startswith(known):
                size += file.write(GAP)
                self._base, new = size, piece
            fits = new[: self._limit - size]
            size += file.write(fits)
            if len(fits) < len(new):
                file.write(CUT)
                return
