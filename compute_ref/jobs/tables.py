"""TinyDB over the journal: its tables read documents lazily and write only what changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final

from tinydb import Storage, TinyDB
from tinydb.table import Table

from compute_ref.jobs.entries import Entry, Fields
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import Change

Document = dict[str, Any]
RECENT: Final = 64  # documents


class LazyTable(Mapping[str, Document]):
    """The documents of one table by key, each read from the file when it is asked for."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name

    def __getitem__(self, key: str) -> Document:
        document = self._journal.document(self._name, key)
        if document is None:
            raise KeyError(key)
        return document

    def __contains__(self, key: object) -> bool:
        return key in self._journal.tables.get(self._name, {})

    def __iter__(self) -> Iterator[str]:
        with self._journal.lock:
            return iter(list(self._journal.tables.get(self._name, {})))

    def __len__(self) -> int:
        return len(self._journal.tables.get(self._name, {}))

    def items(self) -> ItemsView[str, Document]:
        """Keys and documents, without those that are removed meanwhile."""
        return StillThere(self)


class StillThere(ItemsView[str, Document]):
    """The items of a table that others may change while they are gone through."""

    def __init__(self, table: LazyTable) -> None:
        super().__init__(table)
        self._table = table

    def __iter__(self) -> Iterator[tuple[str, Document]]:
        for key in self._table:
            if (document := self._table.get(key)) is not None:
                yield key, document


class Overlay(MutableMapping[str, Document]):
    """A table while it is being changed: remembers what was changed, forgets all else.

    TinyDB changes documents in place after having read them, and reads every document to find
    those that it means. So the last few that were read are kept until they can be compared.
    """

    def __init__(self, below: LazyTable) -> None:
        self._below = below
        self._changed: dict[str, Document | None] = {}
        self._read: dict[str, Document] = {}

    def __getitem__(self, key: str) -> Document:
        if key in self._changed:
            document = self._changed[key]
            if document is None:
                raise KeyError(key)
            return document
        if key not in self._read:
            self._read[key] = self._below[key]
            if len(self._read) > RECENT:
                self._settle(next(iter(self._read)))
        return self._read[key]

    def __setitem__(self, key: str, document: Document) -> None:
        self._read.pop(key, None)
        self._changed[key] = document

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._read.pop(key, None)
        self._changed[key] = None

    def __contains__(self, key: object) -> bool:
        if key in self._changed:
            return self._changed[str(key)] is not None
        return key in self._below

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._below if self._changed.get(key, {}) is not None)
        yield from (
            k for k, doc in self._changed.items() if doc is not None and k not in self._below
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def clear(self) -> None:
        """Remove every document."""
        self._read.clear()
        self._changed = dict.fromkeys(self)

    def changes(self, table: str) -> list[Change]:
        """What differs from the table below, as the journal takes it."""
        for key in list(self._read):
            self._settle(key)
        return [
            (table, key, document)
            for key, document in self._changed.items()
            if document is not None or key in self._below
        ]

    def _settle(self, key: str) -> None:
        document = self._read.pop(key)
        if document != self._below[key]:
            self._changed[key] = document


class JournalStorage(Storage):
    """Hands TinyDB the journal's tables. Changes inside one `batch` are one record."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._batch = threading.local()

    def read(self) -> dict[str, Any]:
        """Every table, lazily; within a batch, with the batch's changes on top."""
        overlays: dict[str, Overlay] = getattr(self._batch, "overlays", None) or {}
        lazy = {name: LazyTable(self.journal, name) for name in self.journal.tables}
        return {**lazy, **overlays}

    def entry(self, table: str, key: str) -> Entry | None:
        """What stands for the document as it is on record: another object after each change.

        None where there is none, and where the batch of this thread changes the table.
        """
        if table in (getattr(self._batch, "overlays", None) or {}):
            return None
        self.journal.check()
        return self.journal.tables.get(table, {}).get(key)

    def write(self, data: dict[str, Any]) -> None:
        """Drop the tables that `data` leaves out of what `read` gave: all that TinyDB asks for.

        Raises ValueError for documents of any other kind.
        """
        if not all(isinstance(table, LazyTable | Overlay) for table in data.values()):
            raise ValueError("change documents through their tables, which journal it")
        with self.batch():
            for name in [known for known in self.read() if known not in data]:
                self.change(name, Overlay.clear)

    def change(self, table: str, updater: Callable[[Any], None]) -> None:
        """Let `updater` work on a table and append what it changed, at once or with the batch."""
        with self.batch() as overlays:
            if table not in overlays:
                overlays[table] = Overlay(LazyTable(self.journal, table))
            updater(overlays[table])

    @contextmanager
    def batch(self) -> Iterator[dict[str, Overlay]]:
        """Gather the changes of this thread into one record; nothing is kept if it raises."""
        if getattr(self._batch, "overlays", None) is not None:
            yield self._batch.overlays
            return
        with self.journal.lock:
            overlays: dict[str, Overlay] = {}
            self._batch.overlays = overlays
            try:
                yield overlays
            finally:
                self._batch.overlays = None
            changes = [c for name, overlay in overlays.items() for c in overlay.changes(name)]
            if changes:
                self.journal.apply(changes)

    def close(self) -> None:
        """Let go of the file."""
        self.journal.close()


class JournalTable(Table):
    """A TinyDB table whose keys are our own ids (text)."""

    document_id_class = str  # type: ignore[assignment]

    def __init__(
        self, storage: Storage, name: str, cache_size: int = 0, persist_empty: bool = False
    ) -> None:
        # Never a cache of queries: it would hold documents, and not see them change.
        super().__init__(storage, name, cache_size=0, persist_empty=persist_empty)

    def read(self, key: str) -> Document | None:
        """The document of a key, or None."""
        found = self._read_table().get(key)
        return None if found is None else dict(found)

    def put(self, key: str, document: Document) -> None:
        """Keep a document, in place of whatever the key had."""
        self._update_table(lambda table: table.__setitem__(key, document))

    def drop(self, keys: Iterable[str]) -> None:
        """Remove the documents of those keys that have one."""

        def without(table: Overlay) -> None:
            for key in keys:
                table.pop(key, None)

        self._update_table(without)

    def summaries(self) -> dict[str, Fields]:
        """What is in memory of each document, as it is on disk by now."""
        journal = self._its_storage.journal
        with journal.lock:
            return {key: entry.fields for key, entry in journal.tables.get(self.name, {}).items()}

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        self._its_storage.change(self.name, updater)

    def _get_next_id(self) -> Any:
        raise ValueError("give the document an id: Document(fields, doc_id=...)")

    @property
    def _its_storage(self) -> JournalStorage:
        storage = self._storage
        assert isinstance(storage, JournalStorage)  # noqa: S101 - what JournalDB gives it
        return storage


class JournalDB(TinyDB):
    """TinyDB with tables over a journal."""

    table_class = JournalTable

    def journal_table(self, name: str) -> JournalTable:
        """A table, by the type that it has here."""
        table = self.table(name)
        assert isinstance(table, JournalTable)  # noqa: S101 - see table_class
        return table
