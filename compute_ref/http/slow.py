"""Calls that may take seconds never hold more than half of the threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from compute_ref.assets.fetching import CancellableClient, Fetcher
from compute_ref.http.hooks import BoundedHooks
from compute_ref.plugins import FileObject
from compute_ref.refusals import ServerBusy


class SlowCalls:
    """A number of places for slow calls; one too many is told to come again."""

    def __init__(self, threads: int) -> None:
        self._places = threading.BoundedSemaphore(max(1, threads // 2))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place, or raise ServerBusy."""
        if not self._places.acquire(blocking=False):
            raise ServerBusy("The server is busy with slow calls. Try again in a few seconds.", 2)
        try:
            yield
        finally:
            self._places.release()


class PatientFetcher(Fetcher):
    """The fetcher of requests; `timeout` is the seconds in which a file must be hashed.

    It hashes what lies elsewhere only while it holds a slow call's place.
    """

    def __init__(
        self,
        hooks: BoundedHooks,
        web: CancellableClient,
        most_bytes: int,
        slow: SlowCalls,
        timeout: float,
    ) -> None:
        super().__init__(hooks, web, most_bytes)
        self._bounded = hooks
        self._slow = slow
        self._timeout = timeout

    def checksum(self, files: Sequence[FileObject]) -> str:
        """Concatenated SHA-256 hex of the files, in order; or ServerBusy, PluginUnavailable."""
        if all(file["type"] == "file" for file in files):
            return super().checksum(files)
        with self._slow.place():
            return super().checksum(files)

    def _digest(self, file: FileObject) -> str:
        return self._bounded.read_file(partial(super()._digest, file), self._timeout)

    def _info(self, file: FileObject, checksum: bool, most_bytes: int) -> dict[str, Any]:
        info = partial(super()._info, file, checksum, most_bytes)
        return self._bounded.read_file(info, self._timeout) if checksum else info()
