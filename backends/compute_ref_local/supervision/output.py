"""The algorithm's log: what it says on standard output and error."""

# pathlib would lengthen the start of every job:
# ruff: noqa: PTH123
from __future__ import annotations

import os

CUT = b"\n[The rest of this log was cut off: it is longer than the environment allows.]\n"
APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
CHUNK = 2**16


class Output:
    """A pipe that is read to its end, and the file that keeps up to `limit` bytes of it."""

    def __init__(self, path: str, limit: int) -> None:
        self._file = os.open(path, APPEND, 0o644)
        self._left = limit or 2**63
        self.source, self.into = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.source, False)

    def begin(self) -> None:
        """The algorithm has its end of the pipe; this process needs it no longer."""
        os.close(self.into)

    def take(self) -> bool:
        """Take what is there, one chunk at most; false where there is nothing."""
        try:
            data = os.read(self.source, CHUNK)
        except BlockingIOError:
            return False
        self._keep(data)
        return data != b""

    def drain(self) -> None:
        """Take all that is left."""
        while self.take():
            continue

    def say(self, text: str) -> None:
        """Add a line of the server's own, whatever the limit."""
        self._write(f"[{text}]\n".encode())

    def withdraw(self) -> None:
        """Nothing of the algorithm's was said: give the words of its surroundings to the server."""
        size = os.fstat(self._file).st_size
        with open(f"/proc/self/fd/{self._file}", "rb") as file:
            said = file.read(size)
        os.ftruncate(self._file, 0)
        _write(2, said)

    def _keep(self, data: bytes) -> None:
        if self._left < 0 or not data:
            return
        fits, self._left = data[: self._left], self._left - len(data)
        self._write(fits + (CUT if self._left < 0 else b""))

    def _write(self, data: bytes) -> None:
        if not _write(self._file, data):
            self._left = -1


def _write(file: int, data: bytes) -> bool:
    """Whether the disk took it: a full one must not end the supervision."""
    try:
        os.write(file, data)
    except OSError:
        return False
    return True
