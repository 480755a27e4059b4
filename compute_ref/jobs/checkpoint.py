"""The index on disk: where each document of a journal lies, so that a start need not read it all.

Lines as in the journal: a first one that says which journal up to which byte, then the entries,
some hundred in a line, then the number of those lines. A checkpoint that is not whole is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, Final

from compute_ref.jobs.entries import Entry
from compute_ref.jobs.files import Disk
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import decode, encode, sound

logger = logging.getLogger("compute_ref.store")

CHECKPOINT: Final = "store.index"
FORMAT: Final = {"format": "compute-ref index", "version": 3}
ENTRIES_IN_A_LINE: Final = 500  # few enough that other threads get their turn in between

Row = tuple[str, str, int, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class IndexCheckpoint:
    """The entries of one journal at `end` bytes; `data` is the whole file.

    Which journal it is, `generation` and `seal` tell.
    """

    end: int
    generation: str
    seal: int
    data: bytes

    def fits(self, generation: str, size: int, seal: Callable[[int], int]) -> bool:
        """Whether it belongs to a file of that generation, size and seal."""
        return self.generation == generation and self.end <= size and self.seal == seal(self.end)

    def entries(self) -> Iterator[Row]:
        """Table, key, place and fields of every document; parsed on the way, as they are many."""
        for line in BytesIO(self.data):
            content = decode(line)
            if isinstance(content, list):
                yield from content


def save(disk: Disk, journal: Journal) -> int:
    """Write what is in memory of `journal`; returns the bytes of the journal that it covers.

    Raises OSError or StoreUnavailable; then the older checkpoint stays.
    """
    with journal.lock:
        end, generation, ticket = journal.end, journal.generation, journal.ticket
        tables = {name: dict(entries) for name, entries in journal.tables.items()}
    journal.wait_durable(ticket)  # it must not speak of what a power cut could still take
    head = {**FORMAT, "generation": generation, "end": end, "seal": journal.seal(end)}
    rows = _rows(tables)
    groups = iter(lambda: list(islice(rows, ENTRIES_IN_A_LINE)), [])
    disk.write(CHECKPOINT, _lines(head, groups))
    return end


def load(disk: Disk) -> IndexCheckpoint | None:
    """The checkpoint of a folder, or None where there is no sound one."""
    data = disk.read(CHECKPOINT)
    if data is None:
        return None
    if (head := _whole(data)) is None:
        logger.warning("The store's checkpoint is damaged and left out; the start takes longer.")
        return None
    return IndexCheckpoint(head["end"], head["generation"], head["seal"], data)


def _whole(data: bytes) -> dict[str, Any] | None:
    """The first line's content, where every line is sound and none is missing."""
    first, last, count = b"", b"", 0
    for line in BytesIO(data):
        if not sound(line):
            return None
        first, last, count = first or line, line, count + 1
    if count < 2 or decode(last) != count - 2:
        return None
    head = decode(first)
    return head if isinstance(head, dict) and {**head, **FORMAT} == head else None


def _rows(tables: Mapping[str, Mapping[str, Entry]]) -> Iterator[Row]:
    for table, entries in tables.items():
        for key, entry in entries.items():
            yield table, key, entry.place, entry.fields


def _lines(head: Mapping[str, Any], groups: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    count = 0
    yield encode(head)
    for group in groups:
        count += 1
        yield encode(group)
    yield encode(count)
