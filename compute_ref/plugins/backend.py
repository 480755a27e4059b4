"""The interface between the engine and whatever runs algorithms.

A backend is an object with eight verbs. The engine promises: `name` is durable in the store
before `launch` is called for it; calls may come from any thread; each call runs under a
deadline, and one that does not return in time costs that job, not the server. The backend
promises: nothing is known of a run but what can be found again from its name after the server,
the backend's own process or the machine was restarted.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

#: what :func:`run_name` gives: the job id and the run number
RUN_NAME: Final = re.compile(r"compute-ref-([A-Za-z0-9][A-Za-z0-9_-]*)-([0-9]+)")


class BackendUnavailable(Exception):
    """The backend cannot work now; the text tells the operator what to do about it."""


class AlgorithmUnavailable(Exception):
    """The algorithm cannot be run here (no such image, say): status 32, the text for its log."""


class ExitReason(StrEnum):
    """How a run came to its end, as far as the backend can tell."""

    EXITED = "exited"
    OOM = "oom"
    STORAGE = "storage"
    TIMEOUT = "timeout"
    EVICTED = "evicted"
    LOST = "lost"
    BACKEND = "backend"


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a run. `code` is the exit code, 128 + n for signal n, None where unknown."""

    code: int | None
    reason: ExitReason = ExitReason.EXITED
    message: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use at most; 0 is no limit.

    `cpus` in processors, `memory`, `disk` (bytes below outputs and other writable places in
    total) and `log` in bytes, `seconds` of real time, `processes` at once. `gpus` is not a limit
    but how many the run is to have.
    """

    cpus: float = 0
    memory: int = 0
    disk: int = 0
    log: int = 0
    seconds: float = 0
    processes: int = 0
    gpus: int = 0


@dataclass(frozen=True, slots=True)
class Folders:
    """The folders of one run on the server's disk, all absolute, made before `launch`.

    They lie in `data_dir`, `root` is ``jobs/JOB_ID/NUMBER`` there. The algorithm sees them below
    ``/data`` under the names of these fields, read-only but for `outputs`. `control` is the
    backend's own, never shown to the algorithm, and goes with the job. The backend writes
    standard output and error of the algorithm to ``logs/algorithm.log``.
    """

    root: Path
    inputs: Path
    ddos: Path
    transformations: Path
    outputs: Path
    logs: Path
    control: Path


@dataclass(frozen=True, slots=True)
class Image:
    """A container image: run as ``name@checksum``, or ``name:tag`` where `checksum` is ""."""

    name: str
    tag: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one job, ready to launch: inputs and algorithm are in place.

    `entrypoint` is a shell command in which ``$ALGO`` stands for the algorithm's file;
    `variables` are set beside those that name the folders (see :func:`environment_variables`);
    `network` is true where every dataset of the job allows it.
    """

    job_id: str
    number: int
    entrypoint: str
    image: Image | None
    variables: Mapping[str, str]
    folders: Folders
    limits: Limits
    network: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """What a backend is told about the server that makes it.

    `options` is the configuration's ``[backends.NAME]`` table, for the backend to check (raise
    ValueError("key: what is wrong and the mend")); `host_data_dir` names `data_dir` as the
    container host sees it; `loopback` is true while the server listens on loopback only.
    """

    options: Mapping[str, Any]
    data_dir: Path
    host_data_dir: Path
    loopback: bool


@dataclass(frozen=True, slots=True)
class Handle:
    """A launched run: its name, and what the backend needs to find it fast."""

    name: str
    data: Any = None


def run_name(job_id: str, number: int) -> str:
    """The usual name of a run: letters, digits and dashes, below 63 characters."""
    return f"compute-ref-{job_id}-{number}"


def shell_command(entrypoint: str, algorithm: str) -> str:
    """`entrypoint` with every ``$ALGO`` replaced by the shell-quoted path of the algorithm."""
    import shlex

    return entrypoint.replace("$ALGO", shlex.quote(algorithm))


def environment_variables(run: Run, root: Path | str = "/data") -> dict[str, str]:
    """All variables of the algorithm, with the folders below `root` as the algorithm sees it."""
    return {
        **run.variables,
        "VOLUME": f"{root}",
        "INPUTS": f"{root}/inputs",
        "OUTPUTS": f"{root}/outputs",
        "LOGS": f"{root}/logs",
    }


class Backend(ABC):
    """Runs algorithms. Subclass it, offer the class by the hook ``backends``.

    `runs_images` is true where an algorithm needs ``container.image``; a process backend needs
    only ``container.entrypoint``.
    """

    runs_images: bool = False

    @abstractmethod
    def check(self) -> str:
        """One line about what was found, or raise BackendUnavailable with what to do about it.

        Called at the start of the server and by ``compute-ref check``; may take seconds.
        """

    @abstractmethod
    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """How each limit and isolation really holds here, e.g. ``{"memory": "watched"}``.

        The keys are time, cpu, memory, disk, processes, filesystem, network and user. Shown to
        consumers in the environment; what is not held, or a limit of 0, is "no".
        """

    def name(self, job_id: str, number: int) -> str:
        """The name of a run, from job id and run number alone."""
        return run_name(job_id, number)

    @abstractmethod
    def launch(self, run: Run) -> Handle:
        """Start the algorithm and return without waiting for it.

        Launching a name that was launched before returns that run and starts nothing, whether it
        still runs or has ended. Raises AlgorithmUnavailable (the job ends at 32) or
        BackendUnavailable (tried again until the launch deadline).
        """

    @abstractmethod
    def find(self, name: str) -> Handle | None:
        """The run of that name, running or ended, also after a restart of the server; or None."""

    @abstractmethod
    def list(self) -> Collection[str]:
        """Names of everything of ours that exists, for sweeping what belongs to no job."""

    @abstractmethod
    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        """Block until the run ended and return how; None if `timeout` seconds passed first.

        Blocks on the real thing (a pidfd, the container, a watch), never on a timer. On return
        no process of the run is alive. A run of which nothing is left is ``Exit(None, LOST)``.
        """

    @abstractmethod
    def stop(self, name: str, grace: float) -> None:
        """Ask the run to end, wait up to `grace` seconds, end it by force; return when it is over.

        May be called at any time, more than once, and for a name that was never launched: while
        the run's folders are there, a launch that comes later then starts nothing, and its end
        has no code. A `wait` under way then returns.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Leave nothing of the run behind, stopping it first if need be; twice is fine.

        The run's folders belong to the engine; the backend removes what it made elsewhere.
        """

    def close(self) -> None:  # noqa: B027 - having nothing to close is usual
        """Let go of connections; runs go on."""
