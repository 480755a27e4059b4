"""The built-in plug-in for a folder of DDOs and of the files they name."""

from __future__ import annotations

import json
import logging
import os
import stat
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from compute_ref.assets.ddo import DID, Ddo, DdoInvalid, check_ddo
from compute_ref.plugins import FileObject, FileUnavailable, OpenFile, WebClient, hookimpl

logger = logging.getLogger("compute_ref.catalogue")

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Shelved:
    """A file of the folder as it was read last; `ddo` is None where it is no sound document."""

    signature: Signature
    ddo: Ddo | None


class Catalogue:
    """Documents ``*.json`` of one folder, read again when a file or the folder has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._shelf: dict[str, Shelved] = {}
        self._names: dict[str, str] = {}

    def documents(self) -> Mapping[str, Ddo]:
        """All sound documents by DID, as the folder is now."""
        with self._lock:
            self._look()
            return {did: ddo for did in self._names if (ddo := self._shelved(did)) is not None}

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
        return OpenFile(os.fdopen(descriptor, "rb"), os.fstat(descriptor).st_size)

    def _shelved(self, did: str) -> Ddo | None:
        name = self._names.get(did)
        return None if name is None else self._shelf[name].ddo

    def _current(self, did: str) -> bool:
        name = self._names.get(did)
        return name is not None and _signature(self._path / name) == self._shelf[name].signature

    def _look(self) -> None:
        names = sorted(path.name for path in self._path.glob("*.json"))
        self._shelf = {name: self._read(name) for name in names}
        self._names = {}
        for name, shelved in self._shelf.items():
            if shelved.ddo is not None:
                self._place(name, shelved.ddo["id"])

    def _place(self, name: str, did: str) -> None:
        first = self._names.setdefault(did, name)
        if first != name:
            logger.warning("%s is left out: %s has the same id", name, first)

    def _read(self, name: str) -> Shelved:
        signature = _signature(self._path / name)
        known = self._shelf.get(name)
        if known and signature == known.signature:
            return known
        try:
            document = json.loads((self._path / name).read_text(encoding="utf-8"))
            return Shelved(signature, check_ddo(document))
        except (OSError, ValueError, RecursionError) as broken:
            reason = (
                str(broken) if isinstance(broken, DdoInvalid) else f"it cannot be read: {broken}"
            )
            logger.warning("%s is left out of the catalogue: %s", name, reason)
            return Shelved(signature, None)


def open_beneath(folder: Path, path: Any) -> int:
    """A descriptor of the regular file `path` below `folder`; FileUnavailable for anything else.

    Walks component by component and follows no link, so nothing outside can be reached, also
    while somebody changes the folder.
    """
    if not isinstance(path, str) or not path or "\0" in path:
        raise FileUnavailable("The asset names no file. Its publisher must mend its DDO.")
    *folders, name = PurePosixPath(path).parts
    if PurePosixPath(path).is_absolute() or ".." in (*folders, name):
        raise FileUnavailable("The asset names a file outside the catalogue; it was not opened.")
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            above, here = here, os.open(part, flags | os.O_DIRECTORY, dir_fd=here)
            os.close(above)
        found = os.open(name, flags, dir_fd=here)
    except OSError as failed:
        raise FileUnavailable(
            "A file of the asset is missing or leads outside the catalogue."
        ) from failed
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise FileUnavailable("A file of the asset is not a regular file.")
    return found


def _signature(path: Path) -> Signature:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
