"""A compute job as plain values: its states, why it ended, and the changes it may go through.

Nothing here reads a clock, a disk or a network: every change takes the time as an argument and
returns a new :class:`Job`. Codes and texts are those of the page's status table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Final


class Status(IntEnum):
    """The codes of the page's status table, in the order in which a run passes them."""

    WARMING_UP = 1
    STARTED = 10
    CONFIGURING = 20
    PROVISIONED = 30
    DATA_FAILED = 31
    ALGORITHM_FAILED = 32
    RUNNING = 40
    FILTERING = 50
    PUBLISHING = 60
    COMPLETED = 70

    @property
    def text(self) -> str:
        """The page's ``statusText`` for this code."""
        return STATUS_TEXTS[self]

    @property
    def final(self) -> bool:
        """Whether a run ends with this code."""
        return self in FINAL


STATUS_TEXTS: Final = {
    Status.WARMING_UP: "Warming up",
    Status.STARTED: "Job started",
    Status.CONFIGURING: "Configuring volumes",
    Status.PROVISIONED: "Provisioning success",
    Status.DATA_FAILED: "Data provisioning failed",
    Status.ALGORITHM_FAILED: "Algorithm provisioning failed",
    Status.RUNNING: "Running algorithm",
    Status.FILTERING: "Filtering results",
    Status.PUBLISHING: "Publishing results",
    Status.COMPLETED: "Job completed",
}
FINAL: Final = frozenset({Status.DATA_FAILED, Status.ALGORITHM_FAILED, Status.COMPLETED})


class StopRequest(IntEnum):
    """Who asked a run to end (``stopreq``); the first non-zero value stays."""

    NONE = 0
    ASKED = 1
    TIME_LIMIT = 2


class FinishReason(StrEnum):
    """Why a run ended: what the one code 70 does not tell (our addition to the page)."""

    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "outOfMemory"
    STORAGE = "storage"
    DATA_PROVISIONING = "dataProvisioning"
    ALGORITHM_PROVISIONING = "algorithmProvisioning"
    FILTERING = "filtering"
    EVICTED = "evicted"
    BACKEND = "backend"
    LOST = "lost"


class ResultType(StrEnum):
    """What a result file is; ``configrationLog`` is how every server and client spells it."""

    OUTPUT = "output"
    ALGORITHM_LOG = "algorithmLog"
    CONFIGURATION_LOG = "configrationLog"
    FILTERING_LOG = "filteringLog"
    PUBLISH_LOG = "publishLog"


class IllegalTransition(ValueError):
    """A status would go backwards or leave a final one: a fault of the program, not of a user."""


@dataclass(frozen=True, slots=True)
class Result:
    """One downloadable file of a finished run; its index is its place in ``Job.results``.

    ``path`` is relative to the run's results folder, ``filesize`` in bytes, ``sha256`` in hex.
    """

    filename: str
    filesize: int
    type: ResultType
    sha256: str
    path: str


@dataclass(frozen=True, slots=True)
class Passage:
    """One entry of the status history: run number, code, Unix seconds."""

    run: int
    status: Status
    at: float


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time that survives restarts of the server and jumps of the wall clock.

    ``wall`` is Unix seconds; ``boot`` names one boot of the machine and ``ticks`` are seconds
    since then.
    """

    wall: float
    boot: str
    ticks: float

    def until(self, later: Moment) -> float:
        """Seconds from here to `later`: by the boot clock within one boot, else by the wall."""
        if self.boot == later.boot:
            return later.ticks - self.ticks
        return max(0.0, later.wall - self.wall)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One compute job, all of its runs, as the store keeps it.

    `launched` is the back-end's name of this run once that is durable; `attempts` counts how
    often provisioning of this run began; `running_since` is when status 40 was reached;
    `deleting` marks an accepted delete that is not finished yet.
    """

    job_id: str
    owner: str
    document_id: str
    agreement_id: str
    environment: str
    algo_did: str
    input_dids: tuple[str, ...]
    created: float
    run: int = 1
    status: Status = Status.WARMING_UP
    finished: float | None = None
    stop_request: StopRequest = StopRequest.NONE
    finish_reason: FinishReason | None = None
    finish_message: str = ""
    exit_code: int | None = None
    results: tuple[Result, ...] = ()
    results_did: str = ""
    results_expired: bool = False
    history: tuple[Passage, ...] = ()
    launched: str | None = None
    attempts: int = 0
    running_since: Moment | None = None
    deleting: bool = False

    @property
    def final(self) -> bool:
        """Whether the current run has ended."""
        return self.status.final

    def entered(self, status: Status, at: float) -> Job:
        """This job at `status` since `at`; its own status again changes nothing."""
        if status == self.status:
            return self
        if status < self.status or self.final:
            raise IllegalTransition(f"job {self.job_id} cannot go from {self.status} to {status}")
        passage = Passage(self.run, status, self.not_before(at))
        return replace(self, status=status, history=(*self.history, passage))

    def ended(self, status: Status, at: float, results: tuple[Result, ...], did: str = "") -> Job:
        """This job at the final `status` with its `results`; why is already in `finish_reason`."""
        done = self.entered(status, at)
        return replace(done, finished=done.not_before(at), results=results, results_did=did)

    def not_before(self, at: float) -> float:
        """`at`, or what happened last where the wall clock was set back since."""
        return max([at, self.created, *(passage.at for passage in self.history[-1:])])

    def because(self, reason: FinishReason, message: str, exit_code: int | None = None) -> Job:
        """This job with the reason of its coming end; the first reason given in a run stays."""
        if self.finish_reason is not None:
            return self
        return replace(self, finish_reason=reason, finish_message=message, exit_code=exit_code)

    def stop_asked(self, request: StopRequest) -> Job:
        """This job with a stop request; a final job and an earlier request stay as they are."""
        if self.final or self.stop_request is not StopRequest.NONE:
            return self
        return replace(self, stop_request=request)

    def run_again(self, at: float, agreement_id: str) -> Job:
        """This final job at the start of its next run (reading R10)."""
        if not self.final:
            raise IllegalTransition(f"job {self.job_id} is not final and cannot be restarted")
        return replace(
            self,
            run=self.run + 1,
            status=Status.WARMING_UP,
            agreement_id=agreement_id,
            history=(*self.history, Passage(self.run + 1, Status.WARMING_UP, self.not_before(at))),
            finished=None,
            stop_request=StopRequest.NONE,
            finish_reason=None,
            finish_message="",
            exit_code=None,
            results=(),
            results_did="",
            results_expired=False,
            launched=None,
            attempts=0,
            running_since=None,
        )
