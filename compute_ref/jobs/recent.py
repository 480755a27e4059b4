"""What was made lately from things that never change, kept so that it need not be made again."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Source = TypeVar("Source")
Made = TypeVar("Made")

MOST: Final = 2_048  # two of the longest pages of jobs


class Recent(Generic[Key, Source, Made]):
    """Values by key, each good only for the very object that it was made from.

    A change brings a new object, so nothing need be told of it. The oldest go first. Every method
    may be called from any thread.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: dict[Key, tuple[Source, Made]] = {}
        self._lock = threading.Lock()

    def get(self, key: Key, source: Source) -> Made | None:
        """What was made from `source`, or None."""
        found = self._kept.get(key)
        return found[1] if found is not None and found[0] is source else None

    def keep(self, key: Key, source: Source, made: Made) -> None:
        """Remember what was made, in place of what was made from an older source."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (source, made)
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
