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
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from compute_ref.jobs.files import JournalFile
from compute_ref.jobs.records import (
    CHUNK,
    HEADER,
    Change,
    Line,
    StoreDamaged,
    decode,
    encode,
    split,
)
from compute_ref.refusals import StoreUnavailable

logger = logging.getLogger("compute_ref.store")


class Entry(NamedTuple):
    """Where the record of a document lies, and the fields that the index keeps in memory."""

    offset: int
    length: int
    fields: tuple[Any, ...] = ()


class Checkpoint(Protocol):
    """An index written earlier, which spares reading the file up to `end`."""

    @property
    def end(self) -> int:
        """Bytes of the file that it speaks of."""

    def fits(self, generation: str, size: int) -> bool:
        """Whether it belongs to a file of that generation and size."""

    def entries(self) -> Iterator[tuple[str, str, Entry]]:
        """Table, key and entry of every document at `end`, in their order."""


Watcher = Callable[[str, str, Entry | None], None]


class Journal:
    """All tables, appended to one file.

    `apply` returns once the change is with the operating system (a killed server loses nothing);
    `wait_durable` once it is on the disk (a power cut loses nothing), many waiters sharing one
    fdatasync. After a failed fdatasync nothing is known of the file any more, and every call
    raises StoreUnavailable until a restart. `indexed` names the document fields to keep in
    memory, by table; `watch` is told of every change of an entry, under the lock.
    """

    def __init__(
        self,
        file: JournalFile,
        *,
        indexed: Mapping[str, Sequence[str]],
        watch: Watcher,
        sync: bool = True,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.tables: dict[str, dict[str, Entry]] = {}
        self.file = file
        self.generation = ""
        self.indexed = indexed
        self._watch = watch
        self._sync = sync
        self._broken = False
        self._durable = threading.Condition()
        self._syncing = False
        self._ticket = 0
        self._synced = 0
        self._end = 0
        self._load(checkpoint)

    @property
    def end(self) -> int:
        """Bytes of sound records in the file."""
        return self._end

    @property
    def ticket(self) -> int:
        """The ticket of the last change, for `wait_durable`."""
        return self._ticket

    def apply(self, changes: Sequence[Change]) -> int:
        """Append one record and return the ticket of its durability."""
        line = encode(changes)
        with self.lock:
            self._check()
            offset = self._end
            self._append(line)
            for change in changes:
                self._enter(change, offset, len(line))
            self._end += len(line)
            self._ticket += 1
            return self._ticket

    def wait_durable(self, ticket: int) -> None:
        """Return once all that stood before `ticket` is on the disk."""
        if not self._sync:
            return
        with self._durable:
            while self._synced < ticket:
                self._check()
                if self._syncing:
                    self._durable.wait()
                else:
                    self._lead()
        self._check()

    def document(self, table: str, key: str) -> dict[str, Any] | None:
        """The current document of `key`, read from the file; None where there is none."""
        with self.lock:
            self._check()
            entry = self.tables.get(table, {}).get(key)
            if entry is None:
                return None
            line = self.file.read(entry.offset, entry.length)
        return _pick(line, table, key, entry.offset)

    def document_at(self, entry: Entry, table: str, key: str) -> dict[str, Any]:
        """The document that was current when `entry` was."""
        line = self.file.read(entry.offset, entry.length)
        return _pick(line, table, key, entry.offset)

    @contextmanager
    def replaced(self) -> Iterator[None]:
        """Keep everybody from changing and syncing while the file is replaced by a durable one."""
        with self._durable:
            while self._syncing:
                self._durable.wait()
            with self.lock:
                self._check()
                yield
                self._synced = self._ticket
            self._durable.notify_all()

    def install(self, other: Journal) -> None:
        """Go on with the file and entries of `other`, which holds the same; within `replaced`."""
        self.file.close()
        self.file, self.tables, self._end = other.file, other.tables, other.end
        self.generation = other.generation

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    def _check(self) -> None:
        if self._broken:
            raise StoreUnavailable

    def _append(self, line: bytes) -> None:
        try:
            written = self.file.append(line)
            while written < len(line):
                written += self.file.append(line[written:])
        except OSError as failed:
            logger.error("The store could not be written: %s", failed.strerror)
            self._cut_back()
            raise StoreUnavailable from failed

    def _cut_back(self) -> None:
        try:
            self.file.truncate(self._end)
        except OSError:
            self._broken = True

    def _lead(self) -> None:
        """Sync for all who wait; called and left with the condition held."""
        self._syncing = True
        with self.lock:
            target = self._ticket
            file = self.file
        self._durable.release()
        try:
            file.sync()
        except OSError as failed:
            logger.critical("The disk did not take the store: %s. Restart.", failed.strerror)
            self._broken = True
        finally:
            self._durable.acquire()
            self._syncing = False
            if not self._broken:
                self._synced = max(self._synced, target)
            self._durable.notify_all()

    def _enter(self, change: Change, offset: int, length: int) -> None:
        table, key, document = change
        entries = self.tables.setdefault(table, {})
        if document is None:
            if entries.pop(key, None) is not None:
                self._watch(table, key, None)
            return
        fields = tuple(document.get(name) for name in self.indexed.get(table, ()))
        entries[key] = entry = Entry(offset, length, fields)
        self._watch(table, key, entry)

    def _load(self, checkpoint: Checkpoint | None) -> None:
        self._read_header()
        if checkpoint and checkpoint.fits(self.generation, self.file.size()):
            self._end = checkpoint.end
            for table, key, entry in checkpoint.entries():
                self.tables.setdefault(table, {})[key] = entry
                self._watch(table, key, entry)
        for line in self.sound_lines(self._end):
            for change in line.content:
                self._enter(tuple(change), line.offset, line.length)
            self._end = line.offset + line.length
        self._cut_tail()

    def _read_header(self) -> None:
        lines = self.sound_lines(0)
        first = next(lines, None)
        if first is None:
            self._cut_tail()
            header = encode({**HEADER, "generation": secrets.token_hex(8)})
            self._append(header)
            first = Line(0, len(header), decode(header))
        if not isinstance(first.content, dict) or first.content.items() < HEADER.items():
            raise StoreDamaged(0)
        self.generation = first.content["generation"]
        self._end = first.length

    def _cut_tail(self) -> None:
        excess = self.file.size() - self._end
        if excess:
            logger.warning(
                "The store ended in an unfinished record; %d bytes from byte %d on were cut off.",
                excess,
                self._end,
            )
            self.file.truncate(self._end)

    def sound_lines(self, start: int) -> Iterator[Line]:
        """Every sound line from `start` on; stops at a torn tail, raises StoreDamaged before it."""
        broken: int | None = None
        for offset, line in split(self._chunks(start), start):
            try:
                content = decode(line)
            except ValueError:
                broken = offset if broken is None else broken
                continue
            if broken is not None:
                raise StoreDamaged(broken)
            yield Line(offset, len(line), content)

    def _chunks(self, start: int) -> Iterator[bytes]:
        while chunk := self.file.read(start, CHUNK):
            start += len(chunk)
            yield chunk


def _pick(line: bytes, table: str, key: str, offset: int) -> dict[str, Any]:
    try:
        changes: Sequence[Change] = decode(line)
    except ValueError as broken:
        raise StoreDamaged(offset) from broken
    found = next(doc for name, k, doc in reversed(changes) if (name, k) == (table, key))
    assert found is not None  # noqa: S101 - the index never points at a removal
    return found
