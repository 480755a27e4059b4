"""Looking at a store's file without changing it: what ``compute-ref store check`` shows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.records import (
    FORMAT,
    LONGEST_HEADER,
    Line,
    chunks_of,
    lines,
    unfinished_header,
)


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of the file that are no sound record, from `offset` up to but without `end`."""

    offset: int
    end: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a store's file holds.

    `documents` counts what is current by table; `damages` stops a server from starting; `torn` is
    an unfinished end, which a start cuts off (a running server may be writing it just now);
    `header` says what is wrong with the first line, "" for nothing.
    """

    path: Path
    size: int
    records: int
    documents: Mapping[str, int]
    damages: tuple[Damage, ...]
    torn: Damage | None
    header: str

    @property
    def sound(self) -> bool:
        """Whether a server can start on it."""
        return not self.damages and not self.header


def check(folder: Path) -> Report:
    """Read the whole store of a data folder; FileNotFoundError where there is none.

    Needs no lock, and may be called while a server runs: what is written meanwhile is left out,
    and a file that is replaced meanwhile is still read to its end.
    """
    path = folder / JOURNAL
    look = _Look()
    with path.open("rb") as file:
        read, size = partial(_read, file.fileno()), os.fstat(file.fileno()).st_size
        for line in lines(chunks_of(read, 0, size), 0):
            look.at(line)
        return look.report(path, size, read(0, LONGEST_HEADER))


def _read(descriptor: int, offset: int, length: int) -> bytes:
    return os.pread(descriptor, length, offset)


class _Look:
    """One pass over a file."""

    def __init__(self) -> None:
        self._header: object = None
        self._records = 0
        self._current: set[tuple[str, str]] = set()
        self._damages: list[Damage] = []
        self._unsure: list[Damage] = []  # damage, unless all that comes later was unsynced as well
        self._open: int | None = None

    def at(self, line: Line | int) -> None:
        if isinstance(line, int):
            self._open = line if self._open is None else self._open
            return
        self._close(line.offset)
        self._damages += [one for one in self._unsure if one.offset < line.durable]
        self._unsure = [one for one in self._unsure if one.offset >= line.durable]
        if line.offset == 0:
            self._header = line.content
        elif isinstance(line.content, list):
            self._take(line)

    def report(self, path: Path, size: int, begun: bytes) -> Report:
        self._close(size)
        torn = self._unsure[0] if self._unsure else None
        return Report(
            path=path,
            size=size,
            records=self._records,
            documents=dict(Counter(table for table, _ in self._current)),
            damages=tuple(self._damages),
            torn=Damage(torn.offset, size) if torn else None,
            header=_complaint(self._header, begun),
        )

    def _close(self, end: int) -> None:
        if self._open is not None:
            self._unsure.append(Damage(self._open, end))
            self._open = None

    def _take(self, line: Line) -> None:
        if self._unsure:
            return  # torn with what stands before it
        self._records += 1
        for table, key, document in line.changes:
            if document is None:
                self._current.discard((table, key))
            else:
                self._current.add((table, key))


def _complaint(header: object, begun: bytes) -> str:
    if header is None:
        return "" if unfinished_header(begun) else "it does not begin with a sound header"
    if not isinstance(header, dict) or header.get("format") != FORMAT["format"]:
        return "it is not a store of this program"
    if header.get("version") != FORMAT["version"]:
        return "it was written by another version of this program"
    return ""


def sentences(report: Report) -> Iterable[str]:
    """The report for people, a line each."""
    counts = ", ".join(f"{n} {table}" for table, n in sorted(report.documents.items()))
    yield f"{report.path}: {report.size} bytes, {report.records} records; now {counts or 'empty'}."
    if report.header:
        yield f"The file cannot be used: {report.header}."
    for damage in report.damages:
        yield f"Damaged from byte {damage.offset} up to byte {damage.end}."
    if report.torn:
        yield (
            f"The end, from byte {report.torn.offset} on, is an unfinished record."
            " The next start cuts it off; nothing that was acknowledged is in it."
        )
    if report.sound:
        yield "The store is sound."
    else:
        yield "A server refuses to start on it. Restore the file from a backup."
