"""The journal's lines: one record each, with a checksum, holding one or more changes.

A line is eight hex digits (CRC-32 of the rest), a space, and JSON: a list of changes
``[table, key, document or null]``. Where a number stands before the changes, only that many bytes
of the file were known to be on the disk when the line was written; without one, all before the
line were. The first line of a file is a header instead, and is checked likewise.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

Change = tuple[str, str, dict[str, Any] | None]

FORMAT: Final = {"format": "compute-ref store", "version": 1}
CHUNK: Final = 2**20
LONGEST_HEADER: Final = 200


class StoreDamaged(Exception):
    """The store's file is damaged before its end; nothing was changed in it.

    `offset` is the byte at which the first damaged record begins.
    """

    def __init__(self, offset: int, what: str = "has sound records after that") -> None:
        super().__init__(
            f"the store is damaged at byte {offset} and {what}."
            " Restore the file from a backup, or look at it with: compute-ref store check"
        )
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Line:
    """A sound line of the file: where it is, and what it says."""

    offset: int
    length: int
    content: Any

    @property
    def end(self) -> int:
        """The byte after it."""
        return self.offset + self.length

    @property
    def durable(self) -> int:
        """How many bytes of the file were on the disk when this line was written, at least."""
        return self.offset if self._mark is None else self._mark

    @property
    def changes(self) -> Sequence[Change]:
        """Its changes."""
        return [tuple(change) for change in self.content[0 if self._mark is None else 1 :]]

    @property
    def _mark(self) -> int | None:
        first = self.content[0] if isinstance(self.content, list) and self.content else None
        return first if isinstance(first, int) else None


def encode(content: Any) -> bytes:
    """One line for the file; ValueError where JSON cannot say it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = text.encode("utf-8", "surrogatepass")  # names of files need not be text
    return b"%08x %s\n" % (zlib.crc32(body), body)


def sound(line: bytes) -> bool:
    """Whether the line is whole and its checksum holds."""
    if len(line) < 10 or line[8:9] != b" " or line[-1:] != b"\n":
        return False
    return line[:8] == b"%08x" % zlib.crc32(memoryview(line)[9:-1])


def decode(line: bytes) -> Any:
    """What a whole line says; ValueError where it is not sound."""
    if not sound(line):
        raise ValueError("not a sound record")
    return json.loads(line[9:-1].decode("utf-8", "surrogatepass"))


def split(chunks: Iterable[bytes], offset: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file from `offset` on, each with its place; the last may lack its end."""
    pieces: list[bytes] = []
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join((*pieces, end, b"\n"))
            pieces.clear()
            yield offset, line
            offset += len(line)
        pieces.append(rest)
    if line := b"".join(pieces):
        yield offset, line


def lines(chunks: Iterable[bytes], start: int) -> Iterator[Line | int]:
    """Every line from `start` on; of an unsound one, only its offset."""
    for offset, line in split(chunks, start):
        try:
            yield Line(offset, len(line), decode(line))
        except ValueError:
            yield offset


def sound_lines(chunks: Iterable[bytes], start: int) -> Iterator[Line]:
    """Every sound line from `start` on, up to a torn tail.

    Raises StoreDamaged at an unsound line that was on the disk before a later sound one was
    written. Where a power cut kept a later one of several that nobody had waited for, those are
    torn together.
    """
    torn: int | None = None
    for line in lines(chunks, start):
        if isinstance(line, int):
            torn = line if torn is None else torn
        elif torn is None:
            yield line
        elif line.durable > torn:
            raise StoreDamaged(torn)


def unfinished_header(begun: bytes) -> bool:
    """Whether a file without any sound line is one whose first a crash left unfinished.

    `begun` is what it begins with, up to the bytes that the first line may have.
    """
    return len(begun) < LONGEST_HEADER and b"\n" not in begun


def chunks_of(read: Callable[[int, int], bytes], start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` to `end`, piece by piece."""
    while chunk := read(start, min(CHUNK, end - start)):
        start += len(chunk)
        yield chunk
