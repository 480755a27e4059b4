"""What is in memory of each stored document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

Fields = tuple[Any, ...]


class Entry(NamedTuple):
    """Where the record of a document lies, and what of the document is kept in memory.

    Offset and length share one number, as there is an entry for everything that is stored.
    """

    place: int
    fields: Fields = ()

    @classmethod
    def at(cls, offset: int, length: int, fields: Fields = ()) -> Entry:
        """The entry of a record of `length` bytes at `offset`."""
        return cls(offset << 32 | length, fields)

    @property
    def span(self) -> tuple[int, int]:
        """Offset and length of the record, in bytes."""
        return self.place >> 32, self.place & 0xFFFFFFFF


class Summary(Protocol):
    """What of a table's documents is kept in memory."""

    def of(self, document: Mapping[str, Any]) -> Fields:
        """The fields of a document."""

    def again(self, fields: Iterable[Any]) -> Fields:
        """The same, from the fields as JSON gives them back."""


class Kept:
    """Keeps the fields of those names."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def of(self, document: Mapping[str, Any]) -> Fields:
        """The fields, in the order of the names."""
        return tuple(document[name] for name in self._names)

    def again(self, fields: Iterable[Any]) -> Fields:
        """The same."""
        return tuple(fields)


Watcher = Callable[[str, str, Entry | None], None]
