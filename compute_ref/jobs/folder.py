"""The store's files in a data folder: the lock, the journal, and when each is tidied."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from compute_ref.jobs import checkpoint
from compute_ref.jobs.compaction import DRAFT, JOURNAL, Interrupted, compact
from compute_ref.jobs.entries import Summary, Watcher
from compute_ref.jobs.files import Disk
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import StoreDamaged
from compute_ref.refusals import StoreUnavailable
from compute_ref.syncing import sync_folder

logger = logging.getLogger("compute_ref.store")

LOCK: Final = "store.lock"
WORTH_COMPACTING: Final = 16 * 2**20  # bytes of the file, below which it is left as it is
WORTH_A_CHECKPOINT: Final = 16 * 2**20  # bytes that a start would have to read otherwise
WORTH_A_LAST_ONE: Final = 2**20  # the same, at the end of the server


Task = Callable[[Journal], None]


class StoreLocked(Exception):
    """Another server has the data folder."""


class StoreFolder:
    """A data folder held by this process; made with mode 0711 if it is not there."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        _make(path)
        self._disk = disk or Disk(path)
        self._lock = _take(path / LOCK)
        self._tidying = threading.Lock()
        self._ending = threading.Event()
        self._compact_at = 0  # bytes of the file
        self._checkpointed = 0

    def journal(self, summaries: Mapping[str, Summary], watch: Watcher, sync: bool) -> Journal:
        """Open the journal of the folder, from its checkpoint on if there is a sound one."""
        self._disk.remove(DRAFT)
        known = checkpoint.load(self._disk)
        file = self._disk.open(JOURNAL)
        try:
            with uncollected():
                journal = Journal(
                    file, summaries=summaries, watch=watch, sync=sync, checkpoint=known
                )
            self._disk.sync()
        except BaseException:
            file.close()
            raise
        fits = known and known.fits(journal.generation, journal.end, journal.seal)
        self._checkpointed = known.end if known and fits else 0
        self._compact_at = 2 * max(_live_bytes(journal), WORTH_COMPACTING)
        return journal

    def tidy(self, journal: Journal) -> None:
        """Begin in the background what is due: a compaction, or a checkpoint."""
        if journal.end > self._compact_at:
            self._begin(self._compact, journal)
        elif journal.end - self._checkpointed > WORTH_A_CHECKPOINT:
            self._begin(self._save_checkpoint, journal)

    def compact(self, journal: Journal) -> None:
        """Compact now; raises OSError, StoreUnavailable or StoreDamaged."""
        with self._tidying:
            self._compact(journal)

    def close(self, journal: Journal) -> None:
        """Save a checkpoint and let go of the folder."""
        self._ending.set()
        with self._tidying:
            try:
                if journal.end - self._checkpointed > WORTH_A_LAST_ONE:
                    self._try(self._save_checkpoint, journal)
                journal.close()
            finally:
                self.release()

    def release(self) -> None:
        """Let another process have the folder; twice is fine."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _begin(self, task: Task, journal: Journal) -> None:
        if self._ending.is_set() or not self._tidying.acquire(blocking=False):
            return

        def run() -> None:
            try:
                self._try(task, journal)
            finally:
                self._tidying.release()

        try:
            threading.Thread(target=run, name="store-tidying", daemon=True).start()
        except RuntimeError as failed:  # the system gives no more threads
            self._tidying.release()
            self._put_off(journal, failed)

    def _try(self, task: Task, journal: Journal) -> None:
        try:
            task(journal)
        except Interrupted:
            logger.info("The store's compaction was given up, as the server ends.")
        except (OSError, StoreUnavailable, StoreDamaged) as failed:
            self._put_off(journal, failed)

    def _put_off(self, journal: Journal, failed: Exception) -> None:
        """Not again at the very next change."""
        logger.warning("The store could not be tidied now: %s", failed)
        self._compact_at = max(self._compact_at, journal.end + WORTH_COMPACTING)
        self._checkpointed = journal.end

    def _compact(self, journal: Journal) -> None:
        compact(journal, self._disk, self._ending.is_set)
        self._compact_at = 2 * max(journal.end, WORTH_COMPACTING)
        self._save_checkpoint(journal)

    def _save_checkpoint(self, journal: Journal) -> None:
        self._checkpointed = checkpoint.save(self._disk, journal)


def holder(folder: Path) -> int | None:
    """The process that has the data folder, if one does; asks the kernel, and takes no lock."""
    try:
        inode = (folder / LOCK).stat().st_ino
    except FileNotFoundError:
        return None
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        fields = line.split()  # 1: FLOCK ADVISORY WRITE 4242 fe:00:131 0 EOF
        if fields[1] == "FLOCK" and int(fields[5].rpartition(":")[2]) == inode:
            return int(fields[4])
    return None


@contextmanager
def uncollected() -> Iterator[None]:
    """Leave out the search for unused objects: most of those that an index is made of stay.

    It would go through all of them again and again, a third of the time that a start takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _make(path: Path) -> None:
    """The folder and those above it, their names durable."""
    new = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(mode=0o711, parents=True, exist_ok=True)
    for folder in new:
        sync_folder(folder.parent)


def _take(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        raise StoreLocked(
            f"{path.parent} belongs to a running server, process {holder or 'unknown'}."
            " Stop that one, or choose another server.data_dir."
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    return descriptor


def _live_bytes(journal: Journal) -> int:
    places = {entry.place for entries in journal.tables.values() for entry in entries.values()}
    return sum(place & 0xFFFFFFFF for place in places)
