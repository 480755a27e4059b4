"""How a run ended, as the supervisor tells it."""

from __future__ import annotations

import json
import os

from .durably import write


def tell(path: str, code: int | None, reason: str, message: str) -> None:
    """Write the end of the run."""
    write(path, json.dumps({"code": code, "reason": reason, "message": message}))


def exit_code(status: int) -> int:
    """The exit code of a process's status, 128 + n for signal n."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
