"""One file as HTTP sends it: whole, a part of it, or word that the client has it already."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from compute_ref.jobs.model import Result

RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII | re.IGNORECASE)
ACTIVE: Final = ("text/html", "image/svg+xml", "application/xhtml+xml", "text/xml")
UNTYPED: Final = "application/octet-stream"
TYPES: Final = mimetypes.MimeTypes()  # Python's own table: the same answer on every machine


class RangeUnsatisfiable(Exception):
    """The file has no such bytes; `size` is how many it has."""

    def __init__(self, size: int) -> None:
        super().__init__(f"of {size} bytes")
        self.size = size


@dataclass(frozen=True, slots=True)
class Conditions:
    """The request headers that decide what of a file is sent; "" is absent."""

    range: str = ""
    if_range: str = ""
    if_none_match: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be sent: `length` bytes from `first` on, with `status` and `headers`."""

    status: int
    headers: Mapping[str, str]
    first: int
    length: int


class Window:
    """`length` bytes of an open file from `first` on, as a file of their own."""

    def __init__(self, file: BinaryIO, first: int, length: int) -> None:
        self._file = file
        self._first = first
        self._length = length
        file.seek(first)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, b"" at the end."""
        left = max(0, self._length - self.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def seekable(self) -> bool:
        """It is: a server may take it over instead of being fed from it."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, counted from the window's own start, place or end."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self.tell(), os.SEEK_END: self._length}[whence]
        return self._file.seek(self._first + start + offset) - self._first

    def tell(self) -> int:
        """The place in the window."""
        return self._file.tell() - self._first

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def part(result: Result, asked: Conditions) -> Part:
    """What of `result` is to be sent, or RangeUnsatisfiable."""
    tag = f'"{result.sha256}"'
    headers = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"attachment;filename={download_name(result.filename)}",
    }
    if _matches(asked.if_none_match, tag):
        return Part(304, headers, 0, 0)
    headers["Content-Type"] = content_type(result.filename)
    wanted = _range(asked.range, result.filesize) if asked.if_range in ("", tag) else None
    if wanted is None:
        return Part(200, headers, 0, result.filesize)
    first, last = wanted
    if first > last:
        raise RangeUnsatisfiable(result.filesize)
    headers["Content-Range"] = f"bytes {first}-{last}/{result.filesize}"
    return Part(206, headers, first, last - first + 1)


def download_name(filename: str) -> str:
    """The last part of a result's name, all but plain characters made ``_``."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", filename.rpartition("/")[2]) or "_"


def content_type(filename: str) -> str:
    """By the name; what a browser would run is sent as bytes."""
    kind, encoding = TYPES.guess_type(download_name(filename))
    return UNTYPED if kind is None or encoding or kind in ACTIVE else kind


def _matches(header: str, tag: str) -> bool:
    tags = [one.strip().removeprefix("W/") for one in header.split(",")]
    return "*" in tags or tag in tags


def _range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte asked for; first > last where there are none; None for the whole."""
    found = RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        length = min(int(found[2]), size)
        return (size - length, size - 1) if length else (1, 0)
    first = int(found[1])
    if found[2] and int(found[2]) < first:
        return None
    last = min(int(found[2]), size - 1) if found[2] else size - 1
    return (first, last) if first < size else (1, 0)
