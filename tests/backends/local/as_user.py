"""Become another user and run a program that this user may not be able to walk to.

``as_user.py UID PATH... -- PROGRAM ARGUMENT...``: in mounts of this process's own, folders that
are closed to others are covered by ones that show the PATHs only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from compute_ref_local.supervision import kernel


def closed_above(path: Path) -> Path | None:
    """The topmost folder above `path` that others may not pass, or None."""
    for folder in reversed(Path(path).resolve().parents):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


def open_way(paths: Iterable[str]) -> None:
    kernel.own_mounts()
    closed = {path: folder for path in map(Path, paths) if (folder := closed_above(path))}
    places = {path: os.open(path, os.O_PATH) for path in closed}
    for folder in set(closed.values()):
        kernel.mount_memory(str(folder))
    for path, place in places.items():
        path.resolve().mkdir(parents=True, exist_ok=True)
        kernel.bind(f"/proc/self/fd/{place}", str(path.resolve()))


def main(uid: str, *arguments: str) -> NoReturn:
    cut = arguments.index("--")
    open_way(arguments[:cut])
    os.setgroups([])
    os.setresgid(int(uid), int(uid), int(uid))
    os.setresuid(int(uid), int(uid), int(uid))
    program = arguments[cut + 1 :]
    os.execve(program[0], program, {**os.environ, "HOME": "/tmp"})


if __name__ == "__main__":
    main(*sys.argv[1:])
