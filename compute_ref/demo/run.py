"""The demo's server, in a process of its own like anybody's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from compute_ref.demo import copy_catalogue, copy_own_code
from compute_ref.identity.keys import Account, write_key

GREETING: Final = "Serving on "
PATIENCE: Final = 10.0  # seconds that the server may take to end


class ServerFailed(Exception):
    """The server ended before it served; the text is its last word."""


def prepare(folder: Path) -> tuple[Path, Account]:
    """Fill `folder` with catalogue and account where they are missing; the key file, the account.

    Raises OSError where that cannot be, ValueError where the key file holds no key.
    """
    if not (folder / "assets").exists():
        copy_catalogue(folder / "assets")
    if not (folder / "own.py").exists():
        copy_own_code(folder / "own.py")
    key = folder / "account.key"
    if not key.exists():
        write_key(key, Account.create())
    return key, Account.from_hex(key.read_text(encoding="ascii"))


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server on a free port of this machine; gives its URL and ends it afterwards."""
    command = [sys.executable, "-m", "compute_ref", "serve", "--host", "127.0.0.1", "--port", "0"]
    command += ["--data-dir", str(folder / "data"), "--catalogue", str(folder / "assets")]
    log = folder / "server.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=_environment()
        ) as process,
    ):
        try:
            yield _url(process, log)
        finally:
            _end(process)


def _environment() -> dict[str, str]:
    """Without COMPUTE_REF_* settings, which are meant for another server."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("COMPUTE_REF_")
    }


def _url(process: subprocess.Popen[str], log: Path) -> str:
    first = process.stdout.readline() if process.stdout else ""
    if not first.startswith(GREETING):
        process.wait(PATIENCE)
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ServerFailed(lines[-1] if lines else "the server ended without a word")
    return first.removeprefix(GREETING).strip()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
