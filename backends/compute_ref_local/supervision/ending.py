"""How a run ended, as the supervisor tells it."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH104, PTH120, PTH123
from __future__ import annotations

import json
import os

ROOM = 4096  # bytes, more than the end of any run takes


def tell(path: str, code: int | None, reason: str, message: str) -> None:
    """Write the end of the run."""
    write_durably(path, json.dumps({"code": code, "reason": reason, "message": message}))


def keep_room(path: str) -> None:
    """Take the room for this process's end now: the disk may be full by then."""
    with open(_draft(path), "wb") as file:
        os.posix_fallocate(file.fileno(), 0, ROOM)


def write_durably(path: str, text: str) -> None:
    """Write a file whole or not at all, on the disk when this returns."""
    draft = _draft(path)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "wb") as file:
        file.write(text.encode())
        file.truncate()
        os.fsync(file.fileno())
    os.rename(draft, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft(path: str) -> str:
    return f"{path}.{os.getpid()}"


def exit_code(status: int) -> int:
    """The exit code of a process's status, 128 + n for signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
