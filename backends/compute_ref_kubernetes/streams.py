"""Answers of the cluster that go on for as long as there is something to say."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Final

from urllib3 import BaseHTTPResponse

CHUNK: Final = 2**16


class Stream:
    """One such answer: read by one thread, broken off by any."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response

    def events(self) -> Iterator[Any]:
        """The JSON objects of the answer's lines."""
        for line in self._response:
            if line.strip():
                yield json.loads(line)

    def chunks(self) -> Iterator[bytes]:
        """Bytes as they come."""
        while data := self._response.read1(CHUNK):
            yield data

    def break_off(self) -> None:
        """Wake the reading thread, whose reading ends or fails."""
        with contextlib.suppress(OSError, ValueError, RuntimeError):  # it ended by itself
            self._response.shutdown()

    def close(self) -> None:
        """Close the connection, on which more may be to come."""
        self._response.close()
