"""What an algorithm must not change: what it was given, its log, what its links lead to."""

from __future__ import annotations

import os
import shlex
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from compute_ref.jobs.outputs import Allowance, collect
from compute_ref.plugins import Exit
from compute_ref.testing.backend_contract.abilities import Abilities
from compute_ref.testing.backend_contract.server import Server

#: on everything in a folder, and on the folder itself
ATTACK: Final = """
for file in "$folder"/*; do
    echo x >> "$file"
    echo x > "$file"
    mv "$file" "$file.moved"
    rm -f "$file"
done
echo x > "$folder/new"
mkdir "$folder/sub"
ln -s /etc/passwd "$folder/link"
mv "$folder" "$folder.moved"
echo tried > "$OUTPUTS/tried"
"""
LINKS: Final = """
cd "$OUTPUTS"
ln -s {outside}/secret file
ln -s {outside} folder
ln -s ../../../../outside above
ln -s / root
ln -s nowhere dangling
ln -s loop loop
mkfifo pipe
mkdir sub
ln -s .. sub/up
ln -s {outside}/made sub/made
echo plain > sub/plain
"""
LINKED: Final = ("file", "folder", "above", "root", "dangling", "loop", "sub/up", "sub/made")


class Confinement(Abilities):
    """What an algorithm must not change."""

    @pytest.mark.parametrize("name", ["inputs", "ddos", "transformations"])
    def test_what_it_is_given_is_read_only(self, server: Server, name: str) -> None:
        """Files can be neither written, replaced nor removed, folders not added to."""
        run = server.script(f'folder="$VOLUME/{name}"\n{ATTACK}')
        if self.holds(server, "filesystem", run.limits):
            folder = getattr(run.folders, name)
            before = texts(folder)
            assert server.finish(run) == Exit(0)
            assert server.output(run, "tried") == "tried\n"
            assert texts(folder) == before

    def test_its_log_is_not_its_to_write(self, server: Server) -> None:
        """What it said stays said, and no link takes the log's place."""
        run = server.script(f'exec 2>&1\necho first\nfolder="$LOGS"\n{ATTACK}echo last')
        if self.holds(server, "filesystem", run.limits):
            assert server.finish(run) == Exit(0)
            assert list(texts(run.folders.logs)) == ["algorithm.log"]
            assert not (run.folders.logs / "algorithm.log").is_symlink()
            first, *others, last = server.log(run).splitlines()
            assert (first, last) == ("first", "last")
            assert "x" not in others

    def test_links_and_pipes_in_outputs_lead_nowhere(self, server: Server) -> None:
        """They stay what they are or are left out; what they point to is neither read nor changed.

        A pipe that nobody reads keeps nobody waiting.
        """
        outside = server.data_dir / "outside"
        outside.mkdir(mode=0o711)
        (outside / "secret").write_text("the secret")
        (outside / "secret").chmod(0o600)
        before = whole(outside)
        run = server.script(LINKS.format(outside=shlex.quote(str(outside))))
        assert server.finish(run) == Exit(0), server.log(run)
        server.backend.remove(server.name(run))
        assert whole(outside) == before
        assert {kind(run.folders.outputs / name) for name in LINKED} <= {None, stat.S_IFLNK}
        assert kind(run.folders.outputs / "pipe") in {None, stat.S_IFIFO}
        taken = server.data_dir / "taken"
        collect(run.folders.outputs, taken, Allowance(100, 2**20, threading.Event()))
        assert texts(taken) == {"sub": b"", "sub/plain": b"plain\n"}


def texts(folder: Path) -> Mapping[str, bytes]:
    """The text of everything below a folder, b"" for what is no file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
    }


def whole(folder: Path) -> list[object]:
    """All there is to know of a folder: texts, modes, owners, names."""
    about = [path.lstat() for path in (folder, *sorted(folder.rglob("*")))]
    return [texts(folder), [(one.st_mode, one.st_uid, one.st_gid, one.st_nlink) for one in about]]


def kind(path: Path) -> int | None:
    """The kind of an entry, None where there is none; no link is followed."""
    return stat.S_IFMT(path.lstat().st_mode) if os.path.lexists(path) else None
