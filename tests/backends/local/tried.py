"""Local backends that are spared the trial with which each server begins."""

from __future__ import annotations

from pathlib import Path

from compute_ref.plugins import Site
from compute_ref_local import LocalBackend
from compute_ref_local.manner import Manner

_found: dict[str, Manner | None] = {}  # by what sandbox is


def tried(kind: type[LocalBackend], data_dir: Path, sandbox: str) -> LocalBackend:
    """A backend of that kind; only the first one of all tests finds out how runs are run."""
    site = Site({"sandbox": sandbox}, data_dir, data_dir, loopback=True)
    if sandbox not in _found:
        first = LocalBackend(site)
        first.check()
        _found[sandbox] = first._manner
    backend = kind(site)
    backend._manner = _found[sandbox]
    return backend
