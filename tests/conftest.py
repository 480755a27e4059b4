"""What tests of every part use."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may walk to; tmp_path is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="compute-ref-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)
