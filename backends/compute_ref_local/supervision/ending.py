"""How a run ended, as the supervisor tells it."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH104, PTH120, PTH123
from __future__ import annotations

import json
import os


def tell(path: str, code: int | None, reason: str, message: str) -> None:
    """Write the end of the run."""
    write_durably(path, json.dumps({"code": code, "reason": reason, "message": message}))


def write_durably(path: str, text: str) -> None:
    """Write a file whole or not at all, on the disk when this returns."""
    draft = f"{path}.{os.getpid()}"
    with open(draft, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.rename(draft, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def exit_code(status: int) -> int:
    """The exit code of a process's status, 128 + n for signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
