"""TinyDB over the journal: its tables read documents lazily and write only what changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from tinydb import Storage, TinyDB
from tinydb.table import Table

from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import Change

Document = dict[str, Any]


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


class Overlay(MutableMapping[str, Document]):
    """A table while it is being changed: remembers what was touched, forgets nothing else."""

    def __init__(self, below: Mapping[str, Document]) -> None:
        self._below = below
        self._touched: dict[str, Document | None] = {}
        self._before: dict[str, Document | None] = {}

    def __getitem__(self, key: str) -> Document:
        if key not in self._touched:
            self._before[key] = self._below[key]
            self._touched[key] = deepcopy(self._before[key])
        document = self._touched[key]
        if document is None:
            raise KeyError(key)
        return document

    def __setitem__(self, key: str, document: Document) -> None:
        self._touched[key] = document
        self._before.setdefault(key, None)

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self._touched[key] = None
        self._before.setdefault(key, {})

    def __contains__(self, key: object) -> bool:
        if key in self._touched:
            return self._touched[str(key)] is not None
        return key in self._below

    def __iter__(self) -> Iterator[str]:
        yield from (key for key in self._below if self._touched.get(key, {}) is not None)
        yield from (
            k for k, doc in self._touched.items() if doc is not None and k not in self._below
        )

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def changes(self, table: str) -> list[Change]:
        """What differs from the table below, as the journal takes it."""
        return [
            (table, key, document)
            for key, document in self._touched.items()
            if document != self._before[key]
        ]


class JournalStorage(Storage):
    """Hands TinyDB the journal's tables. Changes inside one `batch` are one record."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._batch = threading.local()

    def read(self) -> dict[str, Any] | None:
        """Every table, lazily; within a batch, with the batch's changes on top."""
        overlays: dict[str, Overlay] = getattr(self._batch, "overlays", None) or {}
        lazy = {name: LazyTable(self.journal, name) for name in self.journal.tables}
        return {**lazy, **overlays}

    def write(self, data: dict[str, Any]) -> None:
        """Replace all by `data`: what TinyDB calls to drop tables."""
        changes: list[Change] = []
        for name in list(self.journal.tables):
            overlay = Overlay(LazyTable(self.journal, name))
            for key in set(overlay) - set(data.get(name, ())):
                del overlay[key]
            changes += overlay.changes(name)
        if changes:
            self.journal.apply(changes)

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
    default_query_cache_capacity = 0

    def _update_table(self, updater: Callable[[Any], None]) -> None:
        storage = self._storage
        assert isinstance(storage, JournalStorage)  # noqa: S101 - what JournalDB gives it
        storage.change(self.name, updater)

    def _get_next_id(self) -> Any:
        raise ValueError("give the document an id: Document(fields, doc_id=...)")


class JournalDB(TinyDB):
    """TinyDB with tables over a journal."""

    table_class = JournalTable
