"""From what an algorithm left to what its consumer may fetch.

Outputs are copied into a folder that the algorithm's user cannot write; filters look at that
copy; what they leave is measured, made durable and listed.
"""

from __future__ import annotations

import hashlib
import os
import threading
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from compute_ref.jobs.copies import CHUNK, copy
from compute_ref.jobs.model import Result, ResultType
from compute_ref.jobs.trees import FOLDER, Child, children, opened, remove_tree

MAX_DEPTH: Final = 32  #: names in the relative path of an output
OUTPUTS: Final = "outputs"
CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class OutputsExceeded(Exception):
    """There is more in the outputs than the environment allows; the text says of what."""


class Cancelled(Exception):
    """Nobody waits for this work any more."""


class Allowance:
    """What may still be collected: `files` in number (folders likewise) and `size` in bytes."""

    def __init__(self, files: int, size: int, cancel: threading.Event) -> None:
        self._most_files, self._most_size = files, size
        self._files = self._folders = self._size = 0
        self._cancel = cancel

    @property
    def left(self) -> int:
        """Bytes that may still be collected."""
        return self._most_size - self._size

    def take(self, child: Child, depth: int) -> None:
        """Count `child`, found at `depth` (1 is the top); raises OutputsExceeded, Cancelled."""
        if self._cancel.is_set():
            raise Cancelled
        if depth > MAX_DEPTH:
            raise OutputsExceeded(f"the outputs are more than {MAX_DEPTH} folders deep")
        self._files += not child.is_folder
        self._folders += child.is_folder
        self._size += 0 if child.is_folder else child.status.st_size
        self._check()

    def _check(self) -> None:
        if self._files > self._most_files:
            raise OutputsExceeded(f"there are more than {self._most_files} output files")
        if self._folders > self._most_files:
            raise OutputsExceeded(f"there are more than {self._most_files} output folders")
        if self._size > self._most_size:
            raise OutputsExceeded(
                f"the outputs are larger than {self._most_size / 2**30:g} GiB in total"
            )


def collect(outputs: Path, target: Path, allowance: Allowance) -> None:
    """Copy the plain files below `outputs` into `target`, made anew; `outputs` may be missing.

    Links, sockets, pipes, devices, files with a second name and other disks are left out.
    Raises OutputsExceeded, Cancelled, or OSError (a full disk, say).
    """
    remove_tree(target)
    target.mkdir(mode=0o700)
    try:
        with opened(outputs, FOLDER) as source, opened(target, FOLDER) as copied:
            _collect(source, copied, allowance, 1)
    except (FileNotFoundError, NotADirectoryError):
        return


def _collect(source: int, target: int, allowance: Allowance, depth: int) -> None:
    for child in children(source):
        left = allowance.left
        allowance.take(child, depth)
        if child.is_folder:
            os.mkdir(child.name, 0o700, dir_fd=target)
            with opened(child.name, FOLDER, target) as inner:
                _collect(child.descriptor, inner, allowance, depth + 1)
        else:
            _copy(child, target, left)


def _copy(child: Child, target: int, limit: int) -> None:
    copied = os.open(child.name, CREATE, 0o600, dir_fd=target)
    try:
        copy(child.descriptor, copied, limit)
    finally:
        os.close(copied)


def seal(folder: Path, *, sync: bool) -> tuple[Result, ...]:
    """Measure every plain file below `folder`, make it durable, list it by code point of name.

    Each result's `path` begins with ``outputs/``: `folder` is to become the folder of that name.
    """
    with opened(folder, FOLDER) as root:
        found = list(_sealed(root, "", sync))
    return tuple(sorted(found, key=lambda result: (result.filename, result.path)))


def _sealed(folder: int, prefix: str, sync: bool) -> Iterator[Result]:
    for child in children(folder):
        if child.is_folder:
            yield from _sealed(child.descriptor, f"{prefix}{child.name}/", sync)
        else:
            yield _result(child, prefix + child.name, sync)
    if sync:
        os.fsync(folder)


def _result(child: Child, name: str, sync: bool) -> Result:
    size, digest = measure(child.descriptor)
    if sync:
        os.fsync(child.descriptor)
    return Result(shown(name), size, ResultType.OUTPUT, digest, f"{OUTPUTS}/{stored(name)}")


def measure(descriptor: int) -> tuple[int, str]:
    """Size in bytes and SHA-256 in hex of an open file, read from where it stands."""
    size, digest = 0, hashlib.sha256()
    while data := os.read(descriptor, CHUNK):
        size += len(data)
        digest.update(data)
    return size, digest.hexdigest()


def shown(name: str) -> str:
    """`name` as clients see it: undecodable bytes and control characters percent-encoded."""
    return "".join(
        quote(os.fsencode(c)) if "\ud800" <= c <= "\udfff" or unicodedata.category(c) == "Cc" else c
        for c in name
    )


def stored(name: str) -> str:
    """`name` in plain ASCII, as :meth:`Workspaces.open_result` reads it back."""
    return quote(os.fsencode(name), safe="/")
