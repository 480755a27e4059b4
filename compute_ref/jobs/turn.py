"""One job's turn: what the phases of a run share while one worker sees it through."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from pluggy import HookCaller

from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.plan import Plan
from compute_ref.clock import Clock
from compute_ref.jobs.calls import Call, CallFailed
from compute_ref.jobs.endings import Ending
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.mailbox import DeadlinePassed, Left, Mailbox
from compute_ref.jobs.messages import Messages
from compute_ref.jobs.model import Job, ResultType, Status, StopRequest
from compute_ref.jobs.notices import Notices
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Backend, Folders
from compute_ref.refusals import JobUnknown
from compute_ref.settings import Deadlines, Environment

T = TypeVar("T")
log = logging.getLogger(__name__)

#: seconds of real time in which a call comes back that its job is taken from
PARTING: Final = 1.0

Ticket = tuple[str, int]
Change = Callable[[Job], Job]


class Jobs(Protocol):
    """What the engine needs of the store."""

    def get(self, job_id: str, *, deleting: bool = False) -> Job:
        """The job, or JobUnknown; one that is being deleted only where `deleting`."""

    def find(self, wanted: JobFilter, limit: int = 1000, offset: int = 0) -> list[Job]:
        """Jobs, newest first."""

    def plan(self, job_id: str) -> Plan:
        """What its run is to do."""

    def unfinished(self) -> list[Job]:
        """Jobs not final, and those being deleted, oldest first."""

    def change(self, job_id: str, change: Change, *, sync: bool = False) -> Job:
        """Read, change, write; durable on return with `sync`."""

    def remove(self, job_id: str) -> None:
        """Forget the job, durably."""


class Provision(Protocol):
    """Puts what a plan names into folders.

    Gives up soon after `cancel`, and tells the consumer through `log`.
    """

    def data(
        self, plan: Plan, folders: Folders, cancel: Cancellation, log: Callable[[str], None]
    ) -> object:
        """The datasets, or DataFailed."""

    def algorithm(
        self, plan: Plan, folders: Folders, cancel: Cancellation, log: Callable[[str], None]
    ) -> object:
        """The algorithm, or AlgorithmFailed."""


@dataclass(frozen=True, slots=True)
class House:
    """What every turn uses: the store, the folders, the hooks, the limits on patience."""

    store: Jobs
    hooks: Any
    workspaces: Workspaces
    provision: Provision
    deadlines: Deadlines
    clock: Clock


class Phase(Protocol):
    """One step of a run: does its part and says what comes next, None at the end."""

    def __call__(self, turn: Turn, /) -> Phase | None:
        """Take `turn` through this phase."""


class Turn:
    """One run of one job from its place in the queue to its final status.

    Belongs to one worker at a time; only `mailbox` is for other threads. `job` is the job as
    this turn last stored it; results are gathered in `draft`. `cancel` tells the server's own
    work on files to give up; `given_up` tells a launch under way that nobody wants what it starts.
    """

    def __init__(self, house: House, environment: Environment, backend: Backend, job: Job) -> None:
        self.house = house
        self.environment = environment
        self.backend = backend
        self.job = job
        self.ticket: Ticket = (job.job_id, job.run)
        self.begun = False
        self.worker: threading.Thread | None = None
        self.cancel = Cancellation()
        self.given_up = threading.Event()
        self.folders = house.workspaces.run(job.job_id, job.run)
        self.draft = house.workspaces.draft(job.job_id, job.run)
        self.messages = Messages(self.folders.root / "messages", house.clock, self.over)
        self.notices = Notices(house.hooks)
        self.mailbox = Mailbox(
            house.clock,
            stop_asked=job.stop_request is StopRequest.ASKED,
            alive=job.launched is not None and job.status < Status.FILTERING,
        )

    def over(self) -> bool:
        """Whether this run has its results, or is gone, or going, by a delete."""
        try:
            job = self.house.store.get(self.ticket[0])
        except JobUnknown:
            return True
        return job.final or job.run != self.ticket[1]

    def change(self, change: Change, *, sync: bool = False) -> Job:
        """Store a change of this run; raises Left where it is not ours to change any more."""
        if self.mailbox.leaving:
            raise Left
        before = self.job.status
        try:
            self.job = self.house.store.change(self.ticket[0], self._ours(change), sync=sync)
        except JobUnknown as error:
            raise Left from error
        if self.job.status is not before:
            self.notices.post(self.job)
        return self.job

    def _ours(self, change: Change) -> Change:
        def checked(job: Job) -> Job:
            if job.run != self.ticket[1] or job.final:
                raise Left
            return change(job)

        return checked

    def enter(self, status: Status) -> None:
        """Go on to `status`; one that was reached before a restart of the server stays."""
        if status > self.job.status:
            self.change(lambda job: _later(job, status, self.house.clock.now()))

    def conclude(self, ending: Ending, status: Status) -> None:
        """Go on to `status` and keep, in the same record, why the run ends."""
        self.house.workspaces.ready(*self.ticket)
        self.messages.add(ResultType.CONFIGURATION_LOG, ending.message)
        self.change(lambda job: _later(ending.of(job), status, self.house.clock.now()))

    def overrule(self, ending: Ending) -> None:
        """Go on to publish logs only, for a reason found after the algorithm's own end."""
        self.messages.add(ResultType.CONFIGURATION_LOG, ending.message)
        now = self.house.clock.now()
        self.change(lambda job: _later(ending.instead(job), Status.PUBLISHING, now))

    def begin(self, title: str, function: Callable[[], T]) -> Call[T]:
        """Start a call to a guest on a thread of its own."""
        return Call(self.mailbox, f"{title} {self.ticket[0]}", function)

    def ask(
        self,
        title: str,
        function: Callable[[], T],
        seconds: float,
        *,
        stoppable: bool = False,
        expected: tuple[type[Exception], ...] = (),
    ) -> T:
        """Call a guest and wait for it at most `seconds`.

        Raises CallFailed where it raises something not `expected` or does not come back;
        StopAsked where `stoppable`; Left.
        """
        until = self.house.clock.ticks() + seconds
        call = self.begin(title, function)
        try:
            self.mailbox.wait(lambda: call.done, until, stoppable=stoppable)
        except DeadlinePassed:
            log.error("job %s: %s did not come back in %g s", self.ticket[0], title, seconds)
            raise CallFailed(f"{title} did not come back in {seconds:g} seconds") from None
        except Left:  # what is under way may write where somebody is about to remove all
            self.cancel.set()
            call.part(PARTING)
            raise
        return self.answer(title, call, expected)

    def ask_plugins(self, title: str, hook: HookCaller, seconds: float, **about: object) -> Any:
        """What the plug-ins answer to a hook; where there is none to ask, it is asked at once.

        Raises as `ask` does.
        """
        if not hook.get_hookimpls():
            return hook(**about)
        return self.ask(title, partial(hook, **about), seconds)

    def answer(self, title: str, call: Call[T], expected: tuple[type[Exception], ...] = ()) -> T:
        """What a call that is done returned; raises CallFailed for what is not `expected`."""
        try:
            return call.result()
        except expected:
            raise
        except Exception as error:
            log.error("job %s: %s failed", self.ticket[0], title, exc_info=error)
            raise CallFailed(f"{title} failed{_why(error)}") from error

    def until(self, seconds: float) -> float:
        """The reading of the boot clock in `seconds` from now."""
        return self.house.clock.ticks() + seconds


def _why(error: Exception) -> str:
    """What the system says, as far as it names nothing of the server: a full disk, no processes."""
    return f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""


def _later(job: Job, status: Status, at: float) -> Job:
    return job.entered(status, at) if status > job.status else job
