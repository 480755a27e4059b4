"""A folder whose names must last is synced by its own descriptor, and that is let go of."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from compute_ref.syncing import sync_folder


def test_a_folder_is_synced_by_its_own_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").resolve())
    )
    sync_folder(tmp_path)
    assert synced == [tmp_path.resolve()]


def test_a_folder_that_cannot_be_synced_is_told_and_let_go_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptors: list[int] = []

    def fail(descriptor: int) -> None:
        descriptors.append(descriptor)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output error"):
        sync_folder(tmp_path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptors[0])
