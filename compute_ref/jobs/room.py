"""Whether the disk has room for one more job."""

from __future__ import annotations

import shutil
from pathlib import Path

from compute_ref.refusals import DiskFull


def check_room(folder: Path, floor: int) -> None:
    """DiskFull where less than `floor` bytes are free on the disk of `folder`."""
    if shutil.disk_usage(folder).free < floor:
        raise DiskFull
