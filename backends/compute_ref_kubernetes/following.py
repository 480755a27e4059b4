"""Taking over what an algorithm says while it says it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from typing import Final

from compute_ref.plugins import BackendUnavailable
from compute_ref_kubernetes.cluster import Cluster
from compute_ref_kubernetes.labels import ALGORITHM
from compute_ref_kubernetes.logfile import LogFile
from compute_ref_kubernetes.pieces import Piece, Pieces
from compute_ref_kubernetes.streams import Stream

PAUSE: Final = 1.0  #: seconds before a log that broke off is asked for again
PATIENCE: Final = 10.0  #: seconds in which a log ends after its container
ATTEMPTS: Final = 10  #: to read the last of a log from a cluster that does not answer
MISSING: Final = "The rest of this log could not be read from the cluster."

logger = logging.getLogger("compute_ref.kubernetes")


class Follower:
    """A thread that writes what the algorithm's container in `pod` says into `log`."""

    def __init__(self, cluster: Cluster, pod: str, log: LogFile) -> None:
        self._cluster = cluster
        self._pod = pod
        self._log = log
        self._ended = threading.Event()
        self._closing = False
        self._stream: Stream | None = None
        self._thread = threading.Thread(target=self._work, name=f"log of {pod}", daemon=True)
        self._thread.start()

    def finish(self, last_words: str) -> None:
        """The container has ended: return once all that it said is there, and `last_words`."""
        self._ended.set()
        self._thread.join(PATIENCE)
        self._break_off()
        self._thread.join()
        if last_words:
            self._log.say(last_words)
        self._log.close()

    def close(self) -> None:
        """Leave the rest to the next server."""
        self._closing = True
        self._ended.set()
        self._break_off()
        self._thread.join(PATIENCE)
        self._log.close()

    def _break_off(self) -> None:
        stream = self._stream
        if stream is not None:
            stream.break_off()

    def _work(self) -> None:
        while not self._ended.is_set() and not self._log.full:
            self._attempt(follow=True)
            self._ended.wait(PAUSE)
        for _ in range(ATTEMPTS):
            if self._closing or self._log.full or self._attempt(follow=False):
                return
            time.sleep(PAUSE)
        self._log.say(MISSING)

    def _attempt(self, *, follow: bool) -> bool:
        """Read from the beginning; whether the cluster gave all that it has."""
        self._log.begin()
        try:
            with self._cluster.log(self._pod, ALGORITHM, follow=follow) as stream:
                if stream is not None:
                    self._take(stream, follow=follow)
        except BackendUnavailable as failed:
            logger.debug("log of %s: %s", self._pod, failed)
            return False
        return True

    def _take(self, stream: Stream, *, follow: bool) -> None:
        """Take all pieces; what does not end a line counts only at the surely last reading."""
        self._stream = stream
        if self._closing:  # before there was anything to break off
            return
        pieces = Pieces()
        for data in stream.chunks():
            self._keep(pieces.take(data))
            if self._log.full or self._closing:
                return
        if not follow:
            self._keep(pieces.rest())

    def _keep(self, found: Iterable[Piece]) -> None:
        for piece in found:
            self._log.take(piece)
