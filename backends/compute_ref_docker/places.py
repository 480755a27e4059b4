"""Where a run's folders are, as the server and as the container host see them."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from compute_ref.plugins import RUN_NAME, Exit, ExitReason, Folders
from compute_ref.plugins.control import ControlFolder, read, write

OPEN: Final = 0o755
SHOWN: Final = ("inputs", "ddos", "transformations", "outputs", "logs")


@dataclass(frozen=True, slots=True)
class Place:
    """One run's folders; `lent` is whether its outputs are another user's while it runs."""

    folders: Folders
    lent: bool

    @property
    def control(self) -> ControlFolder:
        """What is on record of the run."""
        return ControlFolder(self.folders.control)

    @property
    def watch(self) -> Path:
        """Locked by whoever watches the run."""
        return self.folders.control / "watch"

    @property
    def _note(self) -> Path:
        return self.folders.control / "note.json"

    def note(self, why: Exit) -> None:
        """Put on record why the server ends the run, before it does; the first reason stays."""
        if not self._note.exists():
            write(self._note, json.dumps({"reason": why.reason, "message": why.message}))

    def read_note(self) -> Exit | None:
        """Why the server ended the run, or None where it did not."""
        found = read(self._note)
        return found and Exit(None, ExitReason(found["reason"]), found["message"])


@dataclass(frozen=True, slots=True)
class Places:
    """Where the server keeps things: `data_dir`, which the container host may name otherwise."""

    data_dir: Path
    host_data_dir: Path
    lent: bool

    def of(self, name: str) -> Place:
        """A run's place, whether it is there or not; ValueError where `name` is not a run's."""
        found = RUN_NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"not the name of a run: {name}")
        return Place(folders_in(self.data_dir / "jobs" / found[1] / found[2]), self.lent)

    @property
    def own(self) -> Path:
        """The backend's own folder."""
        return self.data_dir / "docker"

    @property
    def frame(self) -> Path:
        """What an algorithm sees as /data: empty but for the places of its folders."""
        return self.own / "data"

    def prepare(self) -> str:
        """Make the backend's own folder; returns the id of the data folder, always the same."""
        self.own.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.frame, *(self.frame / name for name in SHOWN)):
            folder.mkdir(exist_ok=True)
            folder.chmod(OPEN)  # whatever the umask
        data_id = self.own / "id"
        if not data_id.exists():
            write(data_id, secrets.token_hex(8))
        return data_id.read_text(encoding="ascii")

    def on_host(self, path: Path) -> str:
        """A path below the data folder, as the container host names it."""
        return str(self.host_data_dir / os.path.relpath(path, self.data_dir))


def folders_in(root: Path) -> Folders:
    """The folders of a run below its own."""
    return Folders(**{field.name: root / field.name for field in fields(Folders)} | {"root": root})
