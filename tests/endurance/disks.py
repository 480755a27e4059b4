"""A small disk of its own that a test can fill and empty."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PIECE = 4096  # bytes, a page


@dataclass
class SmallDisk:
    """A tmpfs on `folder`."""

    folder: Path

    @property
    def free(self) -> int:
        """Bytes that are left."""
        return shutil.disk_usage(self.folder).free

    @property
    def ballast(self) -> Path:
        return self.folder / "ballast"

    def fill(self, spare: int = 0) -> None:
        """Leave so many bytes, or the page that is nearest."""
        with self.ballast.open("ab", buffering=0) as file, suppress(OSError):
            while (missing := self.free - spare) >= PIECE:
                file.write(bytes(min(missing, 2**20) // PIECE * PIECE))

    def empty(self) -> None:
        """Let it have all its room again."""
        self.ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """A new disk mounted on `folder`, which is made."""
    assert os.geteuid() == 0, "mounting a small disk needs root"
    folder.mkdir()
    size = f"size={megabytes}m,mode=0711"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
