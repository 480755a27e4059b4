"""How this server runs algorithms: with or without a sandbox, and as whom."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compute_ref.plugins import Limits, Run
from compute_ref_local.sandbox import Bubblewrap

WATCHED = "watched every 250 ms"
GROUP = "by a control group of its own"
NO = "no"


@dataclass(frozen=True, slots=True)
class Manner:
    """Sandboxed by `bubblewrap` or not at all (None); `own_users`: each run has its own user.

    `groups` is the control group below which each run has its own; `filtered`: calls that would
    hold memory out of sight are refused; `staged`: what the sandbox shows is first mounted where
    the run's user may walk to it.
    """

    bubblewrap: Bubblewrap | None
    own_users: bool
    groups: Path | None = None
    filtered: bool = False
    staged: bool = False

    def described(self) -> str:
        """One line for the operator."""
        around = f"sandboxed by {self.bubblewrap.version}" if self.bubblewrap else "no sandbox"
        users = "each run as a user of its own" if self.own_users else "as the server's own user"
        held = f"held by control groups below {self.groups}" if self.groups else WATCHED
        return f"{around}; {users}; memory {held}"

    def group(self, run: Run) -> str | None:
        """A new name for a control group of a run's own, or None where there is none."""
        name = f"{run.job_id}-{run.number}-{secrets.token_hex(4)}"
        return str(self.groups / name) if self.groups else None

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """How each limit and isolation holds; "no" where it does not."""
        sandboxed, alone = self.bubblewrap is not None, self.own_users
        inside = "own mounts, all but outputs and a bounded /tmp read-only"
        return {
            "time": "by a supervisor, on the boot clock" if limits.seconds else NO,
            "cpu": self._cpu(limits.cpus),
            "memory": self._memory() if limits.memory else NO,
            "disk": f"{WATCHED}, as much for each file" if limits.disk else NO,
            "processes": self._processes() if limits.processes else NO,
            "filesystem": inside if sandboxed else "file permissions" if alone else NO,
            "network": "own empty network, unless the datasets allow it" if sandboxed else NO,
            "user": "a user of its own for each run"
            if alone
            else "own namespace"
            if sandboxed
            else NO,
        }

    def _cpu(self, cpus: float) -> str:
        if cpus and self.groups:
            return GROUP
        return (
            "bound to whole processors, which an algorithm can undo" if cores_for(cpus, "") else NO
        )

    def _processes(self) -> str:
        return f"{WATCHED}; threads {GROUP}" if self.groups else WATCHED

    def _memory(self) -> str:
        if self.groups:
            return GROUP
        unseen = "" if self.filtered else "; not what System V or memfds hold"
        return f"{WATCHED}, twice as much for each process{unseen}"


def cores_for(cpus: float, job_id: str) -> list[int]:
    """As many whole processors as `cpus` needs, spread over the jobs; [] is all there are."""
    there = sorted(os.sched_getaffinity(0))
    count = math.ceil(cpus)
    if not 0 < count < len(there):
        return []
    first = sum(job_id.encode()) % len(there)
    return [there[(first + number) % len(there)] for number in range(count)]
