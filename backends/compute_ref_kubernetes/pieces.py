"""Taking a container's log apart: what was said, and when each piece of it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

PIECE: Final = 2**14  #: bytes after which container runtimes break a long line
TIME: Final = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ")
LONGEST: Final = 40  #: bytes that a time has at most


class Piece(NamedTuple):
    """A line or a part of one, and when it was said; "" where that is not told.

    A line without a time is not the container's: a node says so that it has no log, for example.
    """

    time: str
    text: bytes


class Pieces:
    """Takes bytes as they come, gives pieces that are whole.

    A log read again from its beginning falls into the same pieces. Some clusters give a time with
    each part of a long line, others with its beginning only.
    """

    def __init__(self) -> None:
        self._left = b""
        self._within = False  # a line of which a part was given
        self._time = ""

    def take(self, data: bytes) -> Iterator[Piece]:
        """The pieces that are whole with `data`."""
        self._left += data
        while len(self._left) > LONGEST and (piece := self._next(PIECE)) is not None:
            yield piece
        if self._left.endswith(b"\n"):
            yield from self.rest()

    def rest(self) -> Iterator[Piece]:
        """What is left, the log being at its end."""
        while self._left:
            piece = self._next(1)
            if piece is None:
                return
            yield piece

    def _next(self, least: int) -> Piece | None:
        """The next piece that ends a line, or has `least` bytes."""
        found = TIME.match(self._left)
        start = found.end() if found else 0
        newline = self._left.find(b"\n", start, start + PIECE)
        if newline < 0 and len(self._left) - start < least:
            return None
        if found or not self._within:
            self._time = found[1].decode() if found else ""
        end = newline + 1 if newline >= 0 else start + PIECE
        text, self._left = self._left[start:end], self._left[end:]
        self._within = newline < 0
        return Piece(self._time, text)
