"""The store's files in a data folder: the lock, the journal, its checkpoint, its compaction."""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute_ref.jobs.files import DiskFile, sync_folder, write_durably
from compute_ref.jobs.journal import Entry, Journal, Watcher
from compute_ref.jobs.records import decode, encode
from compute_ref.refusals import StoreUnavailable

logger = logging.getLogger("compute_ref.store")

JOURNAL = "store.journal"
CHECKPOINT = "store.index"
LOCK = "store.lock"
WORTH_COMPACTING = 16 * 2**20  # bytes, below which a file is left as it is


class StoreLocked(Exception):
    """Another server has the data folder."""


@dataclass(frozen=True, slots=True)
class IndexCheckpoint:
    """The journal's entries at `end`, as written by :func:`save_checkpoint`."""

    end: int
    generation: str
    tables: Mapping[str, Mapping[str, Sequence[Any]]]

    def fits(self, generation: str, size: int) -> bool:
        """Whether it belongs to a file of that generation and size."""
        return self.generation == generation and self.end <= size

    def entries(self) -> Iterator[tuple[str, str, Entry]]:
        """Table, key and entry of every document."""
        for table, entries in self.tables.items():
            for key, (offset, length, fields) in entries.items():
                yield table, key, Entry(offset, length, tuple(fields))


class StoreFolder:
    """A data folder held by this process; made with mode 0711 if it is not there."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.path = path
        self._lock = _take(path / LOCK)
        self._compacting = threading.Lock()
        self._compacted = 0  # size of the file after the last compaction or at the start

    def journal(self, indexed: Mapping[str, Sequence[str]], watch: Watcher, sync: bool) -> Journal:
        """Open the journal of the folder, from its checkpoint on if there is a sound one."""
        (self.path / (JOURNAL + ".new")).unlink(missing_ok=True)
        journal = Journal(
            DiskFile(self.path / JOURNAL),
            indexed=indexed,
            watch=watch,
            sync=sync,
            checkpoint=_load_checkpoint(self.path / CHECKPOINT),
        )
        sync_folder(self.path)
        self._compacted = max(_live_bytes(journal), WORTH_COMPACTING)
        return journal

    def compact_when_worth_it(self, journal: Journal) -> None:
        """Begin a compaction in the background once the file has doubled since the last one."""
        if journal.end > 2 * self._compacted and not self._compacting.locked():
            thread = threading.Thread(target=self._try_compact, args=(journal,), daemon=True)
            thread.start()

    def compact(self, journal: Journal) -> None:
        """Write what is current to a new file beside, then put it in the place of the old one.

        A crash at any moment leaves either the old file or the new one, each whole.
        """
        with self._compacting:
            draft = self.path / (JOURNAL + ".new")
            draft.unlink(missing_ok=True)
            new = Journal(DiskFile(draft), indexed=journal.indexed, watch=lambda *_: None)
            with journal.lock:
                begun, tables = journal.end, {n: dict(e) for n, e in journal.tables.items()}
            _copy_current(journal, tables, new)
            new.file.sync()
            with journal.replaced():
                for line in journal.sound_lines(begun):
                    new.apply([tuple(change) for change in line.content])
                new.file.sync()
                draft.replace(self.path / JOURNAL)
                sync_folder(self.path)
                journal.install(new)
            self._compacted = max(journal.end, WORTH_COMPACTING)
            self._save_checkpoint(journal)

    def close(self, journal: Journal) -> None:
        """Save a checkpoint and let go of the folder."""
        with self._compacting:
            self._save_checkpoint(journal)
            journal.close()
            os.close(self._lock)

    def _try_compact(self, journal: Journal) -> None:
        try:
            self.compact(journal)
        except (OSError, StoreUnavailable) as failed:
            logger.warning("The store could not be compacted now: %s", failed)

    def _save_checkpoint(self, journal: Journal) -> None:
        with journal.lock:
            content = {"end": journal.end, "generation": journal.generation}
            line = encode({**content, "tables": journal.tables})
        try:
            write_durably(self.path / CHECKPOINT, line)
        except OSError as failed:
            logger.warning("The store's checkpoint could not be written: %s", failed.strerror)


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


def _load_checkpoint(path: Path) -> IndexCheckpoint | None:
    try:
        content = decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        logger.warning("The store's checkpoint is damaged and left out; the start takes longer.")
        return None
    return IndexCheckpoint(content["end"], content["generation"], content["tables"])


def _copy_current(
    journal: Journal, tables: Mapping[str, Mapping[str, Entry]], new: Journal
) -> None:
    for table, entries in tables.items():
        for key, entry in entries.items():
            new.apply([(table, key, journal.document_at(entry, table, key))])


def _live_bytes(journal: Journal) -> int:
    places = {
        (entry.offset, entry.length)
        for entries in journal.tables.values()
        for entry in entries.values()
    }
    return sum(length for _, length in places)
