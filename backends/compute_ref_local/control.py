"""What is on record of a run, and who supervises it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from compute_ref.plugins.control import ControlFolder, read, write
from compute_ref_local.pidfds import Supervisor


@dataclass(frozen=True, slots=True)
class Control(ControlFolder):
    """The files in one run's control folder, and its `record` in the backend's own.

    The record names the supervisor; it is there from before the launch until the run has ended
    and all of it is known from the control folder. A supervisor inherits the lock; one whose
    server died lets go of it at once, without having started anything.
    """

    record: Path

    @property
    def log(self) -> Path:
        """What the supervisor had to say to the operator."""
        return self.folder / "supervisor.log"

    def write_supervisor(self, supervisor: Supervisor) -> None:
        """Keep who supervises; a power cut, which ends it, may take the record as well."""
        write(self.record, json.dumps(supervisor.fields()), sync=False)

    def read_supervisor(self) -> Supervisor | None:
        """Who supervises, or None where nobody does any more or ever did."""
        try:
            content = read(self.record)
        except ValueError:  # emptied by a power cut
            return None
        return None if content is None else Supervisor(*content)
