"""Keeping up with one kind of object: list them, then watch from the version of the list on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from compute_ref.plugins import BackendUnavailable
from compute_ref_kubernetes.cluster import Cluster, Expired, Kind
from compute_ref_kubernetes.pods import Object
from compute_ref_kubernetes.streams import Stream

GONE: Final = 410
FIRST_PAUSE: Final = 0.5  #: seconds before the cluster is asked again, doubled each time
LONGEST_PAUSE: Final = 30.0

logger = logging.getLogger("compute_ref.kubernetes")


class Listener(Protocol):
    """Who is told what the cluster shows."""

    def all(self, kind: Kind, found: Sequence[Object]) -> None:
        """These are all there are."""

    def one(self, kind: Kind, found: Object, *, gone: bool) -> None:
        """One is new, has changed or is gone."""


class Watcher:
    """A thread that tells `listener` of every change to objects of one kind.

    A watch goes on where the one before it ended. Where the cluster has forgotten that version,
    everything is listed anew; where it does not answer, it is asked again, ever more seldom.
    """

    def __init__(self, cluster: Cluster, kind: Kind, selector: str, listener: Listener) -> None:
        self._cluster = cluster
        self._kind = kind
        self._selector = selector
        self._listener = listener
        self._closing = threading.Event()
        self._stream: Stream | None = None
        self._version = ""
        threading.Thread(target=self._work, name=f"watch {kind}", daemon=True).start()

    def close(self) -> None:
        """Watch no more."""
        self._closing.set()
        if self._stream is not None:
            self._stream.break_off()

    def _work(self) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            try:
                if self._round():
                    pause = FIRST_PAUSE
                    continue
            except Expired:
                self._version = ""
            except BackendUnavailable as failed:
                if not self._closing.is_set():
                    logger.warning("watching %s: %s", self._kind, failed)
            self._closing.wait(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _round(self) -> bool:
        """List if need be, then watch until the watch ends; whether the cluster did its part."""
        began = time.monotonic()
        listed = not self._version
        if listed:
            found, self._version = self._cluster.find(self._kind, self._selector)
            self._listener.all(self._kind, found)
        with self._cluster.watch(self._kind, self._selector, self._version) as stream:
            self._stream = stream
            if self._closing.is_set():
                return False
            return self._hear(stream) or listed or time.monotonic() - began > LONGEST_PAUSE

    def _hear(self, stream: Stream) -> bool:
        heard = False
        for event in stream.events():
            self._take(event["type"], event["object"])
            heard = True
        return heard

    def _take(self, what: str, found: Any) -> None:
        if what == "ERROR":
            if found.get("code") == GONE:
                raise Expired
            raise BackendUnavailable(f"the cluster ended the watch: {found.get('message')}")
        self._version = found["metadata"]["resourceVersion"]
        if what != "BOOKMARK":
            self._listener.one(self._kind, found, gone=what == "DELETED")
