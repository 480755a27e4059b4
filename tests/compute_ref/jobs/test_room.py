"""The floor of free bytes below which no job is taken."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compute_ref.jobs.room import check_room
from compute_ref.refusals import DiskFull


def test_a_disk_is_full_below_the_floor_and_not_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def usage(folder: Path) -> shutil._ntuple_diskusage:
        asked.append(folder)
        return shutil._ntuple_diskusage(total=100, used=90, free=10)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    check_room(tmp_path, 10)
    with pytest.raises(DiskFull):
        check_room(tmp_path, 11)
    assert asked == [tmp_path] * 2


def test_the_disk_of_the_folder_is_asked(tmp_path: Path) -> None:
    check_room(tmp_path, 1)
    with pytest.raises(DiskFull):
        check_room(tmp_path, 2**62)
