"""What an owner gives a run to use up: orders that are paid for, accounts that are known."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from compute_conformance.verdicts import Disabled


class Supply:
    """Each thing is given once, to whoever asks first; the profile's key names it."""

    def __init__(self, key: str, things: Iterable[str]) -> None:
        self._key, self._lock = key, threading.Lock()
        self._left = list(things)[::-1]

    def take(self) -> str:
        """The next one; Disabled where all are used up."""
        with self._lock:
            if not self._left:
                raise Disabled(f"one more of the profile's {self._key}", "all are used up")
            return self._left.pop()
