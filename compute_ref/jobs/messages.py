"""What the server itself has to say to a job's consumer: its lines in the published logs."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from compute_ref.clock import Clock
from compute_ref.jobs.copies import copy
from compute_ref.jobs.model import Result, ResultType
from compute_ref.jobs.outputs import measure
from compute_ref.jobs.trees import FOLDER, opened, plain_file

LOG_NAMES: Final = {
    ResultType.ALGORITHM_LOG: "algorithm.log",
    ResultType.CONFIGURATION_LOG: "configuration.log",
    ResultType.FILTERING_LOG: "filtering.log",
    ResultType.PUBLISH_LOG: "publish.log",
}
LOGS: Final = "logs"
URL: Final = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+")
SERVER_PATH: Final = re.compile(r"(?<![\w.:/])/(?!data\b)[\w.+@-]+(?:/[^\s'\":,;)]*)+")
LONGEST: Final = 1_000
NOTICES: Final = 1_024  #: bytes in which a backend says, below a full log, that and why it is cut

log = logging.getLogger(__name__)


def plain(text: str) -> str:
    """`text` as one line that a stranger may read: no URL, no path of the server."""
    line = " ".join(text.split())[:LONGEST]
    line = URL.sub("<URL stripped for security reasons>", line)
    return SERVER_PATH.sub("<path stripped for security reasons>", line)


class Messages:
    """The server's lines about one run, kept in `folder`, which no algorithm can write.

    `over` tells whether nobody would read another one: the logs are published, or the job is gone.
    """

    def __init__(
        self, folder: Path, clock: Clock, over: Callable[[], bool] = lambda: False
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._over = over

    def add(self, kind: ResultType, text: str) -> None:
        """Write one line; a disk that takes none costs the line, not the job."""
        at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="seconds")
        try:
            with (self._folder / LOG_NAMES[kind]).open("a", encoding="utf-8") as lines:
                lines.write(f"{at} {plain(text)}\n")
        except OSError as error:
            if self._over():
                return
            log.warning("a line of a job's log could not be written: %s", error.strerror)

    def of(self, kind: ResultType) -> bytes:
        """All lines of one kind so far."""
        with suppress(FileNotFoundError):
            return (self._folder / LOG_NAMES[kind]).read_bytes()
        return b""


def publish_logs(
    root: Path, draft: Path, messages: Messages, limit: int, *, sync: bool
) -> tuple[Result, ...]:
    """Put the logs of the run in `root` into `draft`; the algorithm's always, others if any.

    At most `limit` bytes of what the algorithm wrote are taken, and what its backend said below;
    the server's lines follow them.
    """
    folder = draft / LOGS
    folder.mkdir(mode=0o700)
    return tuple(_published(root, folder, messages, limit, sync))


def _published(
    root: Path, folder: Path, messages: Messages, limit: int, sync: bool
) -> Iterator[Result]:
    for kind, name in LOG_NAMES.items():
        lines = messages.of(kind)
        if lines or kind is ResultType.ALGORITHM_LOG:
            with (folder / name).open("xb+") as target:
                if kind is ResultType.ALGORITHM_LOG:
                    _take_algorithm_log(root, target.fileno(), limit)
                    target.seek(0, os.SEEK_END)
                target.write(lines)
                target.flush()
                if sync:
                    os.fsync(target.fileno())
                target.seek(0)
                size, digest = measure(target.fileno())
            yield Result(name, size, kind, digest, f"{LOGS}/{name}")


def _take_algorithm_log(root: Path, target: int, limit: int) -> None:
    """Copy the log if it still is one: where no sandbox holds, a link may have replaced it."""
    with suppress(OSError), opened(root / "logs", FOLDER) as logs:
        source = plain_file("algorithm.log", logs)
        try:
            if os.fstat(source).st_nlink == 1:
                copy(source, target, limit + NOTICES)
        finally:
            os.close(source)
