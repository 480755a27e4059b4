"""The journal's lines: one record each, with a checksum, holding one or more changes.

A line is eight hex digits (CRC-32 of the rest), a space, and JSON: a list of changes
``[table, key, document or null]``. The first line is a header instead, and is checked likewise.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

Change = tuple[str, str, dict[str, Any] | None]

HEADER: Final = {"format": "compute-ref store", "version": 1}
CHUNK: Final = 2**20


class StoreDamaged(Exception):
    """The store's file is damaged before its end; nothing was changed in it."""

    def __init__(self, offset: int) -> None:
        super().__init__(
            f"the store is damaged at byte {offset} and has sound records after that."
            " Restore the file from a backup, or look at it with: compute-ref store check"
        )
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Line:
    """A sound line of the file: where it is, and what it says."""

    offset: int
    length: int
    content: Any


def encode(content: Any) -> bytes:
    """One line for the file."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = text.encode("utf-8")
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> Any:
    """What a whole line says; ValueError where it is not sound."""
    if len(line) < 10 or line[8:9] != b" " or line[-1:] != b"\n":
        raise ValueError("not a record")
    body = line[9:-1]
    if int(line[:8], 16) != zlib.crc32(body):
        raise ValueError("the checksum differs")
    return json.loads(body)


def sound(line: bytes) -> bool:
    """Whether the line's checksum holds."""
    try:
        decode(line)
    except ValueError:
        return False
    return True


def split(chunks: Iterator[bytes], offset: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a file from `offset` on, each with its place; the last may lack its end."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield offset, line + b"\n"
            offset += len(line) + 1
    if rest:
        yield offset, rest
