"""The built-in plug-in for a folder of DDOs and of the files they name."""

from __future__ import annotations

import json
import logging
import mimetypes
import os
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from compute_ref.assets.beneath import open_beneath
from compute_ref.assets.ddo import DID, Ddo
from compute_ref.assets.soundness import DdoInvalid, check_ddo
from compute_ref.plugins import FileObject, OpenFile, WebClient, hookimpl
from compute_ref.refusals import SHORT

logger = logging.getLogger("compute_ref.catalogue")

LARGEST: Final = 4 * 2**20
SETTLED: Final = 50_000_000  # nanoseconds: later, a change cannot have the same time stamp


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what a change of a file or folder is known; one `settled` can be relied on.

    A file that was changed just before it was read may change again within one tick of the
    file system's clock, and look the same.
    """

    changed: int
    size: int
    inode: int
    settled: bool = False

    def still(self, now: Stamp) -> bool:
        """Whether nothing has changed up to `now`."""
        same = (self.changed, self.size, self.inode) == (now.changed, now.size, now.inode)
        return self.settled and same


@dataclass(frozen=True, slots=True)
class Shelved:
    """A file of the folder as it was read last; `problem` is "" where it is a sound document."""

    stamp: Stamp
    ddo: Ddo | None
    problem: str = ""


NOWHERE: Final = Stamp(0, 0, 0)


class Catalogue:
    """Documents ``*.json`` of one folder, read again when a file or the folder has changed.

    A look-up of a known, unchanged document costs the same in a folder of any size.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._folder = NOWHERE
        self._shelf: dict[str, Shelved] = {}
        self._names: dict[str, str] = {}
        self._twice: frozenset[tuple[str, str]] = frozenset()

    def documents(self) -> Mapping[str, Ddo]:
        """All sound documents by DID, as the folder is now."""
        with self._lock:
            self._look()
            return {did: ddo for did in self._names if (ddo := self._shelved(did)) is not None}

    def problems(self) -> Mapping[str, str]:
        """What is wrong with each document that is left out, by its file's name."""
        with self._lock:
            self._look()
            return {name: one.problem for name, one in self._shelf.items() if one.problem}

    @hookimpl
    def resolve_did(self, did: str) -> Ddo | None:
        """The folder's document of that DID."""
        if not DID.fullmatch(did):
            return None
        with self._lock:
            if not self._current(did):
                self._look()
            return self._shelved(did)

    @hookimpl
    def open_file(self, file: FileObject, web: WebClient, userdata: Any) -> OpenFile | None:
        """``{"type": "file", "path": "relative to the catalogue"}``."""
        if file.get("type") != "file":
            return None
        descriptor = open_beneath(self._path, file.get("path"))
        kind, coding = mimetypes.guess_type(str(file.get("path")))
        return OpenFile(
            os.fdopen(descriptor, "rb"),
            os.fstat(descriptor).st_size,
            kind if coding is None else None,
        )

    def _shelved(self, did: str) -> Ddo | None:
        name = self._names.get(did)
        return None if name is None else self._shelf[name].ddo

    def _current(self, did: str) -> bool:
        name = self._names.get(did)
        return (
            name is not None
            and self._folder.still(_stamp(self._path))
            and self._shelf[name].stamp.still(_stamp(self._path / name))
        )

    def _look(self) -> None:
        folder = _stamp(self._path)
        names = sorted(path.name for path in self._path.glob("*.json"))
        self._shelf = {name: self._read(name) for name in names}
        self._folder, self._names, twice = folder, {}, set()
        for name, shelved in self._shelf.items():
            if shelved.ddo is not None:
                first = self._names.setdefault(shelved.ddo["id"], name)
                if first != name:
                    twice.add((name, first))
        for name, first in sorted(twice - self._twice):
            logger.warning("%s is left out of the catalogue: %s has the same id", name, first)
        self._twice = frozenset(twice)

    def _read(self, name: str) -> Shelved:
        known = self._shelf.get(name)
        stamp = _stamp(self._path / name)
        if known and known.stamp.still(stamp):
            return known
        try:
            return Shelved(stamp, check_ddo(json.loads(_content(self._path / name))))
        except (OSError, ValueError, RecursionError) as broken:
            if isinstance(broken, OSError) and broken.errno in SHORT:
                raise
            problem = _problem(broken)
        if known is None or known.problem != problem:
            logger.warning("%s is left out of the catalogue: %s", name, problem)
        return Shelved(stamp, None, problem)


def _content(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise DdoInvalid("it is not a regular file")
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise DdoInvalid(f"a DDO has at most {LARGEST} bytes; keep data in a folder below")
    return content


def _problem(broken: Exception) -> str:
    """What is wrong with a document, without its path."""
    if isinstance(broken, DdoInvalid):
        return str(broken)
    if isinstance(broken, OSError):
        return f"it cannot be read: {broken.strerror}"
    return f"it is not JSON: {broken}"


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return NOWHERE
    changed = max(found.st_mtime_ns, found.st_ctime_ns)
    settled = time.time_ns() - changed > SETTLED
    return Stamp(changed, found.st_size, found.st_ino, settled)
