"""No path of a DDO leads out of the catalogue."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from compute_ref.assets.beneath import open_beneath
from compute_ref.plugins import FileUnavailable

SECRET = b"of the server"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data, beside a secret that nothing in it may reach."""
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "numbers.csv").write_bytes(SECRET)
    inside = tmp_path / "catalogue"
    (inside / "data").mkdir(parents=True)
    (inside / "data" / "numbers.csv").write_bytes(b"1\n")
    return inside


def read(folder: Path, path: str) -> bytes:
    with os.fdopen(open_beneath(folder, path), "rb") as file:
        return file.read()


@pytest.mark.parametrize("path", ["data/numbers.csv", "./data//numbers.csv", "data/./numbers.csv"])
def test_a_file_below_is_opened(folder: Path, path: str) -> None:
    assert read(folder, path) == b"1\n"


@pytest.mark.parametrize(
    "path",
    [
        "../secret",
        "data/../../secret",
        "data/../data/numbers.csv",
        "/etc/hostname",
        "//etc/hostname",
        "",
        ".",
        "data",
        "data/",
        "data/numbers.csv/x",
        "nothing",
        "a" * 300,
        "data/numbers.csv\0",
        None,
        7,
        ["data/numbers.csv"],
    ],
)
def test_anything_else_is_refused_without_naming_it(folder: Path, path: Any) -> None:
    with pytest.raises(FileUnavailable) as refused:
        open_beneath(folder, path)
    for part in ("secret", "hostname", "numbers", str(folder)):
        assert part not in str(refused.value)


def test_a_link_to_a_file_outside_is_refused(folder: Path) -> None:
    (folder / "data" / "link.csv").symlink_to(folder.parent / "secret")
    with pytest.raises(FileUnavailable):
        open_beneath(folder, "data/link.csv")


def test_a_link_to_a_folder_outside_is_refused(folder: Path) -> None:
    (folder / "vault").symlink_to(folder.parent / "vault")
    with pytest.raises(FileUnavailable):
        open_beneath(folder, "vault/numbers.csv")


def test_a_link_that_stays_inside_is_refused_too(folder: Path) -> None:
    (folder / "same.csv").symlink_to("data/numbers.csv")
    with pytest.raises(FileUnavailable):
        open_beneath(folder, "same.csv")


def test_a_pipe_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(FileUnavailable, match="not a regular file"):
        open_beneath(folder, "pipe")


def test_a_socket_is_refused(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        with pytest.raises(FileUnavailable):
            open_beneath(folder, "socket")


def test_a_missing_catalogue_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileUnavailable):
        open_beneath(tmp_path / "nowhere", "x")


def test_nothing_stays_open(folder: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("data/numbers.csv", "../secret", "data", "nothing", "data/nothing"):
        try:
            os.close(open_beneath(folder, path))
        except FileUnavailable:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_folder_swapped_for_a_link_while_it_is_walked_gives_nothing_away(folder: Path) -> None:
    """Somebody exchanges data/ and a link to the vault for as long as we read."""
    real, link, spare = folder / "data", folder / "link", folder / "spare"
    link.symlink_to(folder.parent / "vault")
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            real.rename(spare)
            link.rename(real)
            real.rename(link)
            spare.rename(real)

    swapper = threading.Thread(target=swap)
    swapper.start()
    found: list[bytes | None] = []
    try:
        for _ in range(3_000):
            try:
                found.append(read(folder, "data/numbers.csv"))
            except FileUnavailable:
                found.append(None)
    finally:
        over.set()
        swapper.join()
    assert set(found) == {b"1\n", None}  # both happened, and nothing else
