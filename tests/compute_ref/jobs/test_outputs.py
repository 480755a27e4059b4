"""What an algorithm left becomes results; what it has no business to publish does not."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from compute_ref.jobs.copies import CHUNK
from compute_ref.jobs.outputs import (
    Allowance,
    Cancelled,
    OutputsExceeded,
    collect,
    seal,
    shown,
    stored,
)
from compute_ref.jobs.trees import remove_tree


def allowance(
    files: int = 100, size: int = 10**6, cancel: threading.Event | None = None
) -> Allowance:
    return Allowance(files, size, cancel or threading.Event())


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "collected"


def published(outputs: Path, target: Path, **limits: Any) -> list[str]:
    collect(outputs, target, allowance(**limits))
    return [result.filename for result in seal(target, sync=True)]


def test_files_in_sub_folders_are_named_by_relative_path_in_code_point_order(
    outputs: Path, target: Path
) -> None:
    for name in ("b", "a/z", "a.txt", "Z", "é", "a/y/x"):
        path = outputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    names = published(outputs, target)
    assert names == sorted(["b", "a/z", "a.txt", "Z", "é", "a/y/x"])


def test_size_and_digest_are_of_the_copy(outputs: Path, target: Path) -> None:
    (outputs / "a").write_bytes(b"first")
    collect(outputs, target, allowance())
    (outputs / "a").write_bytes(b"changed by a child that was left behind")
    (result,) = seal(target, sync=False)
    assert result.filesize == 5
    assert result.sha256 == hashlib.sha256(b"first").hexdigest()


def test_a_file_of_several_reads_is_measured_whole(outputs: Path) -> None:
    content = b"x" * (CHUNK + 1)
    (outputs / "a").write_bytes(content)
    (result,) = seal(outputs, sync=True)
    assert result.filesize == len(content)
    assert result.sha256 == hashlib.sha256(content).hexdigest()


def test_a_seal_waits_for_files_and_folders_to_be_on_the_disk(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outputs / "sub").mkdir()
    (outputs / "sub" / "a").write_text("x")
    synced: list[Path] = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())

    monkeypatch.setattr(os, "fsync", fsync)
    seal(outputs, sync=True)
    assert synced == [outputs / "sub" / "a", outputs / "sub", outputs]
    synced.clear()
    seal(outputs, sync=False)
    assert synced == []


def test_another_user_cannot_reach_the_copy(outputs: Path, target: Path) -> None:
    (outputs / "sub").mkdir()
    (outputs / "sub" / "a").write_text("x")
    usual = os.umask(0)
    try:
        collect(outputs, target, allowance())
    finally:
        os.umask(usual)
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert stat.S_IMODE((target / "sub").stat().st_mode) == 0o700
    assert stat.S_IMODE((target / "sub" / "a").stat().st_mode) == 0o600


def test_links_to_files_of_the_server_are_left_out(
    outputs: Path, target: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "provider.key"
    secret.write_text("secret")
    (outputs / "link").symlink_to(secret)
    (outputs / "hard").hardlink_to(secret)
    (outputs / "folder").symlink_to(tmp_path)
    (outputs / "good").write_text("x")
    assert published(outputs, target) == ["good"]


def test_an_outputs_folder_replaced_by_a_link_gives_nothing(tmp_path: Path, target: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret").write_text("secret")
    (tmp_path / "outputs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"symbolic|directory"):
        os.open(tmp_path / "outputs", os.O_DIRECTORY | os.O_NOFOLLOW)
    assert published(tmp_path / "outputs", target) == []


def test_an_outputs_folder_that_is_gone_gives_nothing(tmp_path: Path, target: Path) -> None:
    assert published(tmp_path / "outputs", target) == []


def test_pipes_sockets_and_devices_are_left_out_and_hold_nobody_up(
    outputs: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(outputs / "pipe")
    monkeypatch.chdir(outputs)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        if os.geteuid() == 0:
            os.mknod(outputs / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        assert published(outputs, target) == []


@pytest.mark.parametrize("depth", [31, 32])
def test_too_deep_a_tree_is_refused(outputs: Path, target: Path, depth: int) -> None:
    path = outputs
    for _ in range(depth):
        path /= "d"
    path.mkdir(parents=True)
    (path / "file").write_text("x")
    if depth == 31:
        assert published(outputs, target) == ["d/" * 31 + "file"]
    else:
        with pytest.raises(OutputsExceeded, match="deep"):
            published(outputs, target)


def deep_tree(root: Path, depth: int) -> None:
    """Folders so deep that no path names the lowest one."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d" * 50, dir_fd=here)
        below = os.open("d" * 50, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_a_tree_deeper_than_recursion_and_paths_go_is_refused_and_removed(
    outputs: Path, target: Path
) -> None:
    deep_tree(outputs, 2_000)
    with pytest.raises(OutputsExceeded):
        published(outputs, target)
    remove_tree(outputs)
    assert not outputs.exists()


def test_names_of_255_bytes_32_deep_are_published(outputs: Path, target: Path) -> None:
    here = os.open(outputs, os.O_RDONLY)
    for _ in range(31):
        os.mkdir("n" * 255, dir_fd=here)
        below = os.open("n" * 255, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("f" * 255, os.O_WRONLY | os.O_CREAT, dir_fd=here))
    os.close(here)
    (name,) = published(outputs, target)
    assert len(name) == 32 * 255 + 31


@pytest.mark.parametrize(("limits", "said"), [({"files": 2}, "files"), ({"size": 2}, "larger")])
def test_too_much_is_refused(
    outputs: Path, target: Path, limits: dict[str, int], said: str
) -> None:
    for name in "abc":
        (outputs / name).write_text("x")
    with pytest.raises(OutputsExceeded, match=said):
        published(outputs, target, **limits)


def test_as_much_as_is_allowed_is_published_and_folders_have_no_size(
    outputs: Path, target: Path
) -> None:
    for name in "abc":
        (outputs / name).mkdir()
        (outputs / name / "file").write_text("x")
    assert published(outputs, target, files=3, size=3) == ["a/file", "b/file", "c/file"]


def test_what_is_too_large_is_told_in_the_unit_of_the_environment(
    outputs: Path, target: Path
) -> None:
    with (outputs / "sparse").open("wb") as file:
        file.truncate(2**31 + 1)
    with pytest.raises(OutputsExceeded, match=r"^the outputs are larger than 2 GiB in total$"):
        published(outputs, target, size=2**31)


def test_folders_without_end_are_refused(outputs: Path, target: Path) -> None:
    for number in range(4):
        (outputs / f"{number}").mkdir()
    with pytest.raises(OutputsExceeded, match="folders"):
        published(outputs, target, files=3)


def test_a_sparse_file_counts_in_full(outputs: Path, target: Path) -> None:
    with (outputs / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(OutputsExceeded):
        published(outputs, target)


def test_collecting_again_begins_anew(outputs: Path, target: Path) -> None:
    target.mkdir()
    (target / "left by a filter that was killed").write_text("secret")
    (outputs / "a").write_text("x")
    assert published(outputs, target) == ["a"]


def test_nobody_collects_for_nobody(outputs: Path, target: Path) -> None:
    (outputs / "a").write_text("x")
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        collect(outputs, target, allowance(cancel=cancel))


def test_a_file_that_its_owner_may_not_read_is_collected_all_the_same(
    outputs: Path, target: Path
) -> None:
    (outputs / "sub").mkdir()
    (outputs / "sub" / "a").write_text("x")
    (outputs / "sub" / "a").chmod(0)
    (outputs / "sub").chmod(0)
    assert published(outputs, target) == ["sub/a"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"plain 100%.txt", "plain 100%.txt"),
        ("grün".encode(), "grün"),
        (b"bad\xff", "bad%FF"),
        (b"line\nbreak\x7f", "line%0Abreak%7F"),
        ("\u0085".encode(), "%C2%85"),
    ],
)
def test_odd_names_are_shown_harmlessly_and_found_again(
    outputs: Path, target: Path, name: bytes, text: str
) -> None:
    (outputs / os.fsdecode(name)).write_text("x")
    collect(outputs, target, allowance())
    (result,) = seal(target, sync=False)
    assert result.filename == text == shown(os.fsdecode(name))
    assert result.path == f"outputs/{stored(os.fsdecode(name))}"
    assert result.path.isascii()
