"""A stranger's folders, seen by a server that is not root."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compute_ref.jobs.trees import FILE, FOLDER, children, opened, remove_tree

NOBODY = 65_534


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a removal that missed its tree would find nothing of ours."""
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")


@pytest.fixture
def own() -> Iterator[Path]:
    """A folder of an ordinary user, which this process is meanwhile."""
    user = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if user == 0:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(user)


def test_our_own_file_that_denies_us_reading_is_read_all_the_same(own: Path) -> None:
    (own / "sub").mkdir()
    (own / "sub" / "a").write_text("x")
    (own / "sub" / "a").chmod(0)
    (own / "sub").chmod(0)
    descriptors = len(os.listdir("/proc/self/fd"))
    with opened(own, FOLDER) as root:
        (sub,) = [child.name for child in children(root)]
        with opened(sub, FOLDER, root) as folder, opened("a", FILE, folder) as file:
            assert os.read(file, 10) == b"x"
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert (own / "sub").stat().st_mode & 0o777 == 0o700


def test_a_folder_of_our_own_that_denies_everything_is_removed(own: Path) -> None:
    inner = own / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "file").write_text("x")
    for path in (inner, inner.parent):
        path.chmod(0)
    remove_tree(own / "a")
    assert list(own.iterdir()) == []


def test_a_link_is_not_mended_nor_followed(own: Path) -> None:
    target, link = own / "target", own / "link"
    target.write_text("x")
    target.chmod(0)
    link.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"), opened(link, FILE):
        raise AssertionError
    assert target.stat().st_mode & 0o777 == 0


def test_a_file_that_becomes_a_link_before_it_is_mended_is_no_way_to_another(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, file = own / "target", own / "file"
    for path in (target, file):
        path.touch(mode=0)
    plain = os.open

    def swapped(path: Path, flags: int, *, dir_fd: int | None) -> int:
        try:
            return plain(path, flags, dir_fd=dir_fd)
        except PermissionError:
            file.unlink()
            file.symlink_to(target)
            raise

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(OSError, match="not supported|symbolic"), opened(file, FILE):
        raise AssertionError
    assert target.stat().st_mode & 0o777 == 0


def test_what_is_left_out_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("1 link", "3 link"):
        (tree / name).symlink_to(tmp_path)
    (tree / "2 file").write_text("x")
    plain = os.scandir

    @contextmanager
    def in_order(folder: int) -> Iterator[list[os.DirEntry[str]]]:
        with plain(folder) as entries:
            yield sorted(entries, key=lambda entry: entry.name)

    monkeypatch.setattr(os, "scandir", in_order)
    with opened(tree, FOLDER) as root:
        assert [child.name for child in children(root)] == ["2 file"]


def test_a_tree_is_taken_apart_in_its_own_place(tmp_path: Path) -> None:
    (tmp_path / "tree" / "a" / "b" / "c").mkdir(parents=True)
    remove_tree(tmp_path / "tree")
    assert list(tmp_path.rglob("*")) == [tmp_path / "current"]


def test_a_folder_whose_mode_is_not_ours_to_change_is_removed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree" / "theirs").mkdir(parents=True)
    (tmp_path / "tree" / "theirs" / "file").write_text("x")

    def refused(*_: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchmod", refused)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_files_that_others_remove_meanwhile_do_not_end_a_removal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tree").mkdir()
    for name in ("a", "b"):
        (tmp_path / "tree" / name).write_text("x")
    plain = os.unlink

    def too_late(name: str, *, dir_fd: int) -> None:
        plain(name, dir_fd=dir_fd)
        raise FileNotFoundError

    monkeypatch.setattr(os, "unlink", too_late)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
