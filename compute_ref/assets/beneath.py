"""Opening a file below a folder, and nothing outside of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import Any, Final

from compute_ref.plugins import FileUnavailable

NO_LINK: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def open_beneath(folder: Path, path: Any) -> int:
    """A descriptor of the regular file `path` below `folder`; FileUnavailable for anything else.

    Walks component by component and follows no link, so nothing outside can be reached, also
    while somebody changes the folder. A pipe does not make it wait.
    """
    parts = _parts(path)
    try:
        descriptor = _walk(folder, parts)
    except OSError:
        raise FileUnavailable(
            "A file of the asset is missing or leads outside the catalogue. Its publisher must"
            " mend the DDO or bring the file."
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileUnavailable("A file of the asset is not a regular file.")
    return descriptor


def _parts(path: Any) -> tuple[str, ...]:
    if not isinstance(path, str) or not path or "\0" in path:
        raise FileUnavailable("The asset names no file. Its publisher must mend its DDO.")
    named = PurePosixPath(path)
    if named.is_absolute() or ".." in named.parts:
        raise FileUnavailable("The asset names a file outside the catalogue; it was not opened.")
    return named.parts or (".",)


def _walk(folder: Path, parts: tuple[str, ...]) -> int:
    *folders, name = parts
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            above, here = here, os.open(part, NO_LINK | os.O_DIRECTORY, dir_fd=here)
            os.close(above)
        return os.open(name, NO_LINK, dir_fd=here)
    finally:
        os.close(here)
