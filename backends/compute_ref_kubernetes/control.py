"""What is on record of a run on this side, in its control folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from compute_ref.plugins import RUN_NAME, Exit, ExitReason
from compute_ref.plugins.control import ControlFolder, read, write

ENTERED: Final = 0o711  #: a cluster node mounts a folder in it, perhaps without being root there


class Control(ControlFolder):
    """The files in one run's control folder.

    `once` is a folder that the run's pods see too, before the algorithm begins: the first of
    them leaves the mark `started` there, and only who left it may begin the algorithm.
    """

    @property
    def once(self) -> Path:
        """The folder in which the first pod leaves its mark."""
        return self.folder / "once"

    @property
    def started(self) -> Path:
        """There once a pod was about to begin the algorithm, or none may any more."""
        return self.once / "started"

    @property
    def log(self) -> Path:
        """How far ``algorithm.log`` is."""
        return self.folder / "log"

    @property
    def unavailable(self) -> Path:
        """There once the algorithm turned out to be one that cannot be run here."""
        return self.folder / "unavailable"

    def make_once(self) -> None:
        """Make the folder `once`, and the file by which a pod knows that it sees this folder."""
        self.folder.chmod(ENTERED)
        self.once.mkdir(exist_ok=True)
        (self.once / "here").touch()

    def forestall(self) -> bool:
        """Leave the mark before any pod does; whether the algorithm will so never be begun."""
        try:
            self.started.touch(exist_ok=False)
        except (FileExistsError, FileNotFoundError):
            return False
        return True

    def write_cause(self, cause: Exit) -> None:
        """Keep why this side is about to end the run; the first reason stays."""
        if not self.stop.exists():
            write(self.stop, json.dumps({"reason": cause.reason, "message": cause.message}))

    def read_cause(self) -> Exit | None:
        """Why this side ends or ended the run, its code unknown; None where it does not."""
        content = read(self.stop)
        return content and Exit(None, ExitReason(content["reason"]), content["message"])

    def write_unavailable(self, message: str) -> None:
        """Keep why the algorithm cannot be run here."""
        write(self.unavailable, json.dumps(message))

    def read_unavailable(self) -> str | None:
        """Why the algorithm cannot be run here, or None."""
        message: str | None = read(self.unavailable)
        return message


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of a run that matter after its launch, below the server's data folder."""

    root: Path

    @classmethod
    def of(cls, data_dir: Path, name: str) -> Place:
        """The folders of the run of that name, whether they are there or not."""
        found = RUN_NAME.fullmatch(name)
        if found is None:
            raise ValueError(f"not the name of a run: {name}")
        return cls(data_dir / "jobs" / found[1] / found[2])

    @property
    def control(self) -> Control:
        """What is on record."""
        return Control(self.root / "control")

    @property
    def outputs(self) -> Path:
        """Where the algorithm writes."""
        return self.root / "outputs"

    @property
    def log(self) -> Path:
        """What the algorithm said."""
        return self.root / "logs" / "algorithm.log"
