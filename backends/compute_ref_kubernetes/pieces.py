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
        return self._whole(1 if data.endswith(b"\n") else PIECE)

    def rest(self) -> Iterator[Piece]:
        """What is left, the log being at its end."""
        return self._whole(1)

    def _whole(self, least: int) -> Iterator[Piece]:
        """Pieces that end a line, or have `least` bytes."""
        at = 0
        while at < len(self._left):
            found = TIME.match(self._left, at)
            if found is None and least > 1 and len(self._left) - at <= LONGEST:
                break  # perhaps a time of which a part is still to come
            start = found.end() if found else at
            newline = self._left.find(b"\n", start, start + PIECE)
            if newline < 0 and len(self._left) - start < least:
                break
            if found or not self._within:
                self._time = found[1].decode() if found else ""
            at = newline + 1 if newline >= 0 else min(start + PIECE, len(self._left))
            self._within = newline < 0
            yield Piece(self._time, self._left[start:at])
        self._left = self._left[at:]
