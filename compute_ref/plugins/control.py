"""What is on record of a run in its control folder: whether it was launched, how it ended."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute_ref.plugins.backend import Exit, ExitReason
from compute_ref.syncing import sync_folder


@dataclass(frozen=True, slots=True)
class ControlFolder:
    """The files in one run's control folder, for a backend that keeps its records there."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Locked from the beginning of a launch until it is known whether it took place."""
        return self.folder / "lock"

    @property
    def started(self) -> Path:
        """There once the algorithm was, or may have been, started."""
        return self.folder / "started"

    @property
    def exit(self) -> Path:
        """There once the run has ended and nothing of it is alive."""
        return self.folder / "exit.json"

    @property
    def stop(self) -> Path:
        """There once a stop was asked for, with the grace in seconds."""
        return self.folder / "stop"

    @property
    def launched(self) -> bool:
        """Whether nothing may be started any more under this name."""
        return self.started.exists() or self.exit.exists()

    @contextlib.contextmanager
    def deciding(self) -> Iterator[int]:
        """Hold the lock: no launch is under way but the caller's. Yields its descriptor.

        The lock goes with the process that holds it, and with its children's copies.
        """
        lock = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock
        finally:
            os.close(lock)

    def write_exit(self, end: Exit) -> None:
        """Settle how the run ended."""
        fields = {"code": end.code, "reason": end.reason, "message": end.message}
        write(self.exit, json.dumps(fields))

    def read_exit(self) -> Exit | None:
        """How the run ended, or None."""
        content = read(self.exit)
        if content is None:
            return None
        return Exit(content["code"], ExitReason(content["reason"]), content["message"])


def write(path: Path, text: str, *, sync: bool = True) -> None:
    """Replace a file, whole or not at all, on the disk when this returns.

    Without `sync` a power cut, and nothing else, may leave an empty file, or none.
    A process that is killed meanwhile may leave one of :func:`drafts`.
    """
    draft = path.with_name(f".{path.name}.{threading.get_ident()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def drafts(folder: Path) -> Iterator[tuple[str, Path]]:
    """What is, or was when a kill came, being written in `folder`: names, and their drafts."""
    for draft in folder.glob(".*.*"):
        yield draft.name[1:].rpartition(".")[0], draft


def read(path: Path) -> Any:
    """The JSON value of a file, or None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
