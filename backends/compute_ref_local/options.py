"""The configuration's ``[backends.local]`` table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

KEYS: Final = ("sandbox", "bind", "uid_base", "cgroup")
MODES: Final = ("auto", "require", "none")


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator may choose.

    `sandbox` is auto, require or none; `bind` are further read-only paths for the sandbox;
    `uid_base` is the first of a thousand users for runs, where the server is root; `cgroup` is
    auto, none, or the control group below which each run gets its own.
    """

    sandbox: str = "auto"
    bind: tuple[str, ...] = ()
    uid_base: int = 64_000
    cgroup: str = "auto"

    @property
    def group(self) -> Path | None:
        """The control group that the operator named, None where that was not done."""
        return None if self.cgroup in ("auto", "none") else Path(self.cgroup)

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Options:
        """The options, or ValueError with key and mend."""
        unknown = sorted(set(table) - set(KEYS))
        if unknown:
            raise ValueError(f"{unknown[0]}: no such key; there are {', '.join(KEYS)}")
        sandbox, bind = table.get("sandbox", "auto"), table.get("bind", [])
        if sandbox not in MODES:
            raise ValueError(f"sandbox: must be one of {', '.join(MODES)}")
        if not isinstance(bind, list | tuple) or not all(_is_there(path) for path in bind):
            raise ValueError("bind: must be a list of absolute paths that exist")
        base = table.get("uid_base", 64_000)
        if isinstance(base, bool) or not isinstance(base, int) or not 1_000 <= base < 2**31:
            raise ValueError("uid_base: must be a number from 1000 on")
        return cls(sandbox, tuple(bind), base, _cgroup(table.get("cgroup", "auto")))


def _cgroup(value: Any) -> str:
    if not isinstance(value, str) or (
        value not in ("auto", "none") and not Path(value).is_absolute()
    ):
        raise ValueError("cgroup: must be auto, none or the absolute path of a control group")
    return value


def _is_there(path: Any) -> bool:
    return isinstance(path, str) and Path(path).is_absolute() and Path(path).exists()
