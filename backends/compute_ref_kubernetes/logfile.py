"""The algorithm's log on this side: how much of what a container said is in it, for sure."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from compute_ref_kubernetes.pieces import Piece

CUT: Final = b"\n[The rest of this log was cut off: it is longer than the environment allows.]\n"
FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
WIDTH: Final = 160  #: bytes of a position on the disk, always the same


@dataclass(frozen=True, slots=True)
class Position:
    """How far a log is: `size` bytes, `taken` pieces of which the first was said at `first`.

    `last` is when the last of them was said; `full` is 1 once the rest was cut off.
    """

    first: str = ""
    taken: int = 0
    last: str = ""
    size: int = 0
    full: int = 0

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what :meth:`text` wrote; anything else is the beginning."""
        words = text.split()
        if len(words) != 5:
            return cls()
        first, taken, last, size, full = words
        return cls(first, int(taken), last, int(size), int(full))

    def text(self) -> str:
        """As it is kept on the disk, in one write of :data:`WIDTH` bytes."""
        words = (self.first, self.taken, self.last, self.size, self.full)
        return " ".join(map(str, words)).ljust(WIDTH)


class LogFile:
    """``algorithm.log``, and beside it how far it is.

    Whoever writes may be killed at any time: what was written but is not in the position yet is
    cut off when the next one begins, and taken again. A disk that takes no more costs the rest of
    the log, not the run.
    """

    def __init__(self, path: Path, position: Path, limit: int) -> None:
        self._limit = limit or 2**63
        self._file = os.open(path, FLAGS, 0o644)
        self._kept = os.open(position, FLAGS, 0o600)
        self._position = Position.parse(os.pread(self._kept, WIDTH, 0).decode())
        if os.fstat(self._file).st_size < self._position.size:
            self._position = Position()
        os.ftruncate(self._file, self._position.size)
        self._broken = False
        self.begin()

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._file)
        os.close(self._kept)

    @property
    def full(self) -> bool:
        """Whether nothing more is taken."""
        return self._broken or self._position.full == 1

    def begin(self) -> None:
        """What a container said is now read from its beginning, as far as a node still has it."""
        self._first = ""
        self._read = 0

    def take(self, piece: Piece) -> None:
        """Add the next piece, unless it is there already."""
        self._first = self._first or piece.time
        self._read += 1
        if piece.time and not self.full and not self._is_there(piece):
            self._add(piece)

    def say(self, text: str) -> None:
        """Add a line of the server's own, whatever the limit, after all else."""
        with suppress(OSError):
            _write(self._file, f"[{text}]\n".encode(), self._position.size)

    def _is_there(self, piece: Piece) -> bool:
        """By number or, where a node has thrown the first pieces away, by time."""
        if self._first == self._position.first:
            return self._read <= self._position.taken
        return piece.time <= self._position.last

    def _add(self, piece: Piece) -> None:
        left = self._limit - self._position.size
        full = len(piece.text) > left
        text = piece.text[:left] + (CUT if full else b"")
        noted = replace(
            self._position,
            first=self._first,
            taken=self._read,
            last=piece.time,
            size=self._position.size + len(text),
            full=int(full),
        )
        try:
            _write(self._file, text, self._position.size)
            _write(self._kept, noted.text().encode(), 0)
            self._position = noted
        except OSError:
            self._broken = True


def _write(file: int, text: bytes, at: int) -> None:
    """Write all of it; a disk that is nearly full takes a part."""
    while text:
        written = os.pwrite(file, text, at)
        text, at = text[written:], at + written
