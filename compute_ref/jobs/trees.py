"""Folders that a stranger filled: walked and removed by descriptor, no link ever followed."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: NONBLOCK and NOCTTY: opening a pipe or terminal by mistake must have no effect
FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Child(NamedTuple):
    """One entry of a folder: an open descriptor, its status, its name (undecodable bytes kept)."""

    name: str
    descriptor: int
    status: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder rather than a plain file."""
        return stat.S_ISDIR(self.status.st_mode)


@contextmanager
def opened(path: Path | str, flags: int, parent: int | None = None) -> Iterator[int]:
    """A descriptor of `path` below `parent`, closed at the end; no link is followed.

    Where our own file denies us reading, its mode is mended first.
    """
    try:
        descriptor = os.open(path, flags, dir_fd=parent)
    except PermissionError:
        _make_readable(path, parent)
        descriptor = os.open(path, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make_readable(path: Path | str, parent: int | None) -> None:
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        Path(f"/proc/self/fd/{handle}").chmod(mode | stat.S_IRWXU)
    finally:
        os.close(handle)


def children(folder: int) -> Iterator[Child]:
    """The sub-folders and plain files of an open `folder`, each open while it is looked at.

    Links, sockets, pipes and devices are left out, and so are files with a second name, which
    may be somebody else's, and whatever lies on another disk.
    """
    device = os.fstat(folder).st_dev
    with os.scandir(folder) as entries:
        for entry in entries:
            kind = entry.stat(follow_symlinks=False).st_mode
            if not (stat.S_ISDIR(kind) or stat.S_ISREG(kind)):
                continue
            with opened(entry.name, FOLDER if stat.S_ISDIR(kind) else FILE, folder) as descriptor:
                child = Child(entry.name, descriptor, os.fstat(descriptor))
                if child.status.st_dev == device and _is_plain(child.status):
                    yield child


def _is_plain(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)


def plain_file(path: str, parent: int) -> int:
    """Open the plain file at the relative `path`, following a link at no component.

    Raises OSError where a component is missing, a link or no plain file; the caller closes.
    """
    *folders, name = path.split("/")
    if not folders:
        return _plain_file(name, parent)
    with opened(folders[0], FOLDER, parent) as folder:
        return plain_file("/".join([*folders[1:], name]), folder)


def _plain_file(name: str, parent: int) -> int:
    descriptor = os.open(name, FILE, dir_fd=parent)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a plain file")
    return descriptor


def remove_tree(path: Path) -> None:
    """Remove `path` and all below it, however deep, wide or oddly named; twice is fine."""
    with suppress(FileNotFoundError):
        if not stat.S_ISDIR(path.lstat().st_mode):
            path.unlink()
            return
        while not _removed(path):
            with opened(path, FOLDER) as root:
                _empty(root)


def _removed(path: Path | str, parent: int | None = None) -> bool:
    try:
        os.rmdir(path, dir_fd=parent)
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        return False
    return True


def _empty(root: int) -> None:
    """Lift the folders of the second level to the first until none is left.

    Neither recursion nor a pile of descriptors or a long path: a tree may be deeper than each.
    """
    while folders := _without_files(root):
        for name in folders:
            with opened(name, FOLDER, root) as folder:
                for inner in _without_files(folder):
                    lifted = secrets.token_hex(16)
                    os.rename(inner, lifted, src_dir_fd=folder, dst_dir_fd=root)
            _removed(name, root)


def _without_files(folder: int) -> list[str]:
    with suppress(PermissionError):
        os.fchmod(folder, 0o700)
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]
