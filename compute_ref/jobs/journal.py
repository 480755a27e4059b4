"""Durable storage for TinyDB that appends: one record a change, documents read when asked for.

The stock storage rewrites its whole file in place at each change. This one costs the same at any
size and loses nothing to a crash: see :mod:`compute_ref.jobs.records` for the file,
:class:`Journal` for what is promised.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol
from zlib import crc32

from compute_ref.jobs.commits import Commits, Position
from compute_ref.jobs.entries import Entry, Fields, Summary, Watcher
from compute_ref.jobs.files import JournalFile, append_all
from compute_ref.jobs.records import (
    FORMAT,
    LONGEST_HEADER,
    Change,
    Line,
    StoreDamaged,
    chunks_of,
    decode,
    encode,
    sound_lines,
    unfinished_header,
)
from compute_ref.refusals import StoreUnavailable

logger = logging.getLogger("compute_ref.store")


class Checkpoint(Protocol):
    """An index written earlier, which spares reading the file up to `end`."""

    @property
    def end(self) -> int:
        """Bytes of the file that it speaks of."""

    def fits(self, generation: str, size: int, seal: Callable[[int], int]) -> bool:
        """Whether it belongs to a file of that generation, size and seal; see `Journal.seal`."""

    def entries(self) -> Iterator[tuple[str, str, int, Sequence[Any]]]:
        """Table, key, place and fields of every document at `end`, in their order."""


Share = Callable[[str], str]

SEALED: Final = 2**16  # bytes


class Journal:
    """All tables, appended to one file.

    `apply` returns once the change is with the operating system (a killed server loses nothing);
    `wait_durable` once it is on the disk (a power cut loses nothing). `summaries` says what of
    the documents to keep in memory, by table; `watch` is told of every change of an entry, under
    the lock. Without `sync` nothing waits for the disk.
    """

    def __init__(
        self,
        file: JournalFile,
        *,
        summaries: Mapping[str, Summary],
        watch: Watcher,
        sync: bool,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.tables: dict[str, dict[str, Entry]] = {}
        self.generation = ""
        self.summaries = summaries
        self.end = 0  #: bytes of sound records in the file
        self.ticket = 0  #: of the last change, for `wait_durable`
        self._file = file
        self._watch = watch
        self._sync = sync
        self._closed = False
        self._begun = 0
        self._commits = Commits(self.position)
        self._load(checkpoint)

    def apply(self, changes: Sequence[Change]) -> int:
        """Append one record and return the ticket of its durability."""
        with self.lock:
            self.check()
            durable = self._commits.durable
            marked = self._sync and durable < self.end
            # Before anything is written, as what cannot be indexed must not be.
            kept = [self._fields(change, str) for change in changes]
            line = encode([durable, *changes] if marked else changes)
            self._append(line)
            for (table, key, _), fields in zip(changes, kept, strict=True):
                self._enter(table, key, self.end, len(line), fields)
            self.end += len(line)
            self.ticket += 1
            return self.ticket

    def wait_durable(self, ticket: int) -> None:
        """Return once the change of that ticket is on the disk."""
        if self._sync:
            self._commits.wait(ticket)

    def sync(self) -> None:
        """Return once everything appended so far is on the disk, whatever the settings say."""
        self._commits.wait(self.ticket)

    def check(self) -> None:
        """Raise StoreUnavailable after a failed sync, and after the end."""
        self._commits.check()

    def document(self, table: str, key: str) -> dict[str, Any] | None:
        """The current document of `key`, read from the file; None where there is none."""
        with self.lock:
            self.check()
            entry = self.tables.get(table, {}).get(key)
            if entry is None:
                return None
            line = self._read(entry)
        return _pick(line, table, key, entry.span[0])

    def lines(self, start: int, end: int) -> Iterator[Line]:
        """The records between two places of the file."""
        return sound_lines(chunks_of(self._file.read, start, end), start)

    def document_at(self, entry: Entry, table: str, key: str) -> dict[str, Any]:
        """The document that was current when `entry` was."""
        return _pick(self._file.read(*entry.span), table, key, entry.span[0])

    def seal(self, end: int) -> int:
        """A checksum of the last bytes before `end`.

        By these a file is told from its own copy, restored and gone on with in another way.
        """
        start = max(0, end - SEALED)
        return crc32(self._file.read(start, end - start))

    def copy(self, table: str, key: str, entry: Entry, document: dict[str, Any]) -> None:
        """Append a document of another journal, keeping what is in memory of it."""
        line = encode([(table, key, document)])
        self._append(line)
        self._keep(table, key, Entry.at(self.end, len(line), entry.fields))
        self.end += len(line)

    def position(self) -> Position:
        """How far the file has come."""
        with self.lock:
            return Position(self.ticket, self.end, self._file)

    def held(self) -> AbstractContextManager[Callable[[Position], None]]:
        """Let nobody's wait for the disk begin or end; see :meth:`Commits.held`."""
        return self._commits.held()

    def install(self, other: Journal) -> JournalFile:
        """Go on with the file and entries of `other`, which holds the same; held, and locked.

        The whole file is on the disk, though its name need not be.
        Returns the file that was in use, for closing: to give its blocks back takes a while.
        """
        former = self._file
        self._file, self.tables, self.end = other._file, other.tables, other.end
        self.generation = other.generation
        self._commits.durable = self.end  # of this file, before anything is added to it
        return former

    def uses(self, file: JournalFile) -> bool:
        """Whether `file` is the one in use."""
        return self._file is file

    def give_up(self) -> None:
        """Refuse everything until a restart."""
        self._commits.give_up()

    def close(self) -> None:
        """Note that all is on the disk, and let go of the file; twice is fine."""
        if self._closed:
            return
        try:
            if self._sync and self.ticket > self._begun:
                self.sync()
                self.apply([])
        except StoreUnavailable:
            logger.warning("The store was closed without knowing all of it on the disk.")
        with self._commits.held(), self.lock:
            self._closed = True
            self._commits.give_up()
            self._file.close()

    def _append(self, line: bytes) -> None:
        try:
            append_all(self._file, line)
        except OSError as failed:
            logger.error("The store could not be written: %s", failed.strerror)
            self._cut_back()
            raise StoreUnavailable from failed

    def _read(self, entry: Entry) -> bytes:
        try:
            return self._file.read(*entry.span)
        except OSError as failed:
            logger.error("The store could not be read: %s", failed.strerror)
            raise StoreUnavailable from failed

    def _cut_back(self) -> None:
        try:
            self._file.truncate(self.end)
        except OSError:
            self.give_up()

    def _enter(self, table: str, key: str, offset: int, length: int, fields: Fields | None) -> None:
        if fields is not None:
            self._keep(table, key, Entry.at(offset, length, fields))
        elif self.tables.get(table, {}).pop(key, None) is not None:
            self._watch(table, key, None)

    def _fields(self, change: Change, share: Share) -> Fields | None:
        """What to keep of a change, None for a removal.

        Texts that stay as they were are the very ones that the older entry and its indexes have.
        """
        table, key, document = change
        summary = self.summaries.get(table)
        if document is None or summary is None:
            return None if document is None else ()
        new = summary.of(document)
        old = self.tables.get(table, {}).get(key)
        return summary.again(
            was if old and was == now else _shared(now, share)
            for was, now in zip(old.fields if old else new, new, strict=True)
        )

    def _keep(self, table: str, key: str, entry: Entry) -> None:
        self.tables.setdefault(table, {})[key] = entry
        self._watch(table, key, entry)

    def _load(self, checkpoint: Checkpoint | None) -> None:
        self._read_header()
        texts: dict[str, str] = {}  # keys and orders come up in several tables

        def share(text: str) -> str:
            return texts.setdefault(text, text)

        durable = 0  # as the former server knew it
        if checkpoint and checkpoint.fits(self.generation, self._file.size(), self.seal):
            self._take_over(checkpoint, share)
            durable = self.end
        for line in self.lines(self.end, self._file.size()):
            for change in line.changes:
                table, key, _ = change
                fields = self._fields(change, share)
                self._enter(table, share(key), line.offset, line.length, fields)
            self.end, durable = line.end, line.durable
        self._cut_tail()
        if self._sync:  # from now on others act upon what a killed server left unsynced
            self._file.renew(durable)
            self.ticket += 1
            self.sync()
        self._begun = self.ticket

    def _take_over(self, checkpoint: Checkpoint, share: Share) -> None:
        for table, key, place, fields in checkpoint.entries():
            summary = self.summaries.get(table)
            kept = summary.again(_shared(field, share) for field in fields) if summary else ()
            self._keep(table, share(key), Entry(place, kept))
        self.end = checkpoint.end

    def _read_header(self) -> None:
        first = next(self.lines(0, self._file.size()), None)
        if first is None:
            first = self._write_header()
        content = first.content
        if not isinstance(content, dict) or content.get("format") != FORMAT["format"]:
            raise StoreDamaged(0, "does not begin as a store does")
        if content.get("version") != FORMAT["version"]:
            raise StoreDamaged(0, "was written by another version of this program")
        self.generation = content["generation"]
        self.end = first.length

    def _write_header(self) -> Line:
        if not unfinished_header(self._file.read(0, LONGEST_HEADER)):
            raise StoreDamaged(0, "has no sound record at all")
        self._cut_tail()
        line = encode({**FORMAT, "generation": secrets.token_hex(8)})
        self._append(line)
        return Line(0, len(line), decode(line))

    def _cut_tail(self) -> None:
        excess = self._file.size() - self.end
        if excess:
            logger.warning(
                "The store ended in an unfinished record; %d bytes from byte %d on were cut off.",
                excess,
                self.end,
            )
            self._file.truncate(self.end)


def _pick(line: bytes, table: str, key: str, offset: int) -> dict[str, Any]:
    try:
        changes = Line(offset, len(line), decode(line)).changes
    except ValueError as broken:
        logger.critical(
            "The store is damaged at byte %d: look with compute-ref store check.", offset
        )
        raise StoreUnavailable from broken
    return next(
        doc for name, k, doc in reversed(changes) if (name, k) == (table, key) and doc is not None
    )


def _shared(field: Any, share: Share) -> Any:
    return share(field) if isinstance(field, str) else field
