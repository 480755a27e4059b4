"""What differs between two runs, or two servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

BAD = frozenset({"fail", "error"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A requirement whose verdict is another one; "" where it was not looked at."""

    id: str
    sentence: str
    before: str
    after: str

    @property
    def regression(self) -> bool:
        """It is bad now, and was not."""
        return self.after in BAD and self.before not in BAD

    @property
    def lost(self) -> bool:
        """It passed, and nobody can tell any more."""
        return self.before == "pass" and self.after not in {"pass", "warn", *BAD}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """All of them, in the register's order, new requirements last."""
    old, new = _by_id(before), _by_id(after)
    found = [
        Difference(
            key,
            str((new.get(key) or old[key])["sentence"]),
            str(old.get(key, {}).get("verdict", "")),
            str(new.get(key, {}).get("verdict", "")),
        )
        for key in {**old, **new}
    ]
    return [one for one in found if one.before != one.after]


def _by_id(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {one["id"]: one for one in document["requirements"]}
