"""What a plug-in that opens files of an asset receives and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol


class FileUnavailable(Exception):
    """A file of an asset cannot be had.

    The text goes into the job's log, which its consumer reads: it must not carry a path, host,
    URL or header of the data.
    """


@dataclass(frozen=True, slots=True)
class OpenFile:
    """An open file of an asset; the receiver reads `stream` to its end and closes it.

    `size` in bytes and `content_type` where they are known beforehand. A stream with a real
    descriptor (``fileno()``) is copied by the kernel.
    """

    stream: BinaryIO
    size: int | None = None
    content_type: str | None = None


class WebClient(Protocol):
    """The guarded HTTP client that plug-ins use to fetch (reading R17)."""

    def open(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> OpenFile:
        """Open `url`, or raise FileUnavailable where the address or the answer is refused."""


FileObject = Mapping[str, Any]
"""One entry of a DDO's ``services[].files``: at least ``type``, the rest by type."""
