"""Sees every accepted job through to a final status, whatever backends and plug-ins do.

Each job that has a place in its environment's lane has a worker: a thread that takes the job's
turn from phase to phase. Workers wait for events only; what goes wrong in one costs its job.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from compute_ref.clock import Clock
from compute_ref.jobs.calls import begin_thread, in_parallel
from compute_ref.jobs.expiry import Expiry
from compute_ref.jobs.faults import end_by_fault, end_homeless
from compute_ref.jobs.housekeeping import Watchdog
from compute_ref.jobs.lane import Lane
from compute_ref.jobs.mailbox import Left
from compute_ref.jobs.model import Job
from compute_ref.jobs.publishing import stopped_early
from compute_ref.jobs.reconcile import first_phase, in_order, under_way
from compute_ref.jobs.removal import remove_everywhere
from compute_ref.jobs.turn import PARTING, House, Jobs, Phase, Provision, Ticket, Turn
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Backend
from compute_ref.refusals import JobUnknown, StoreUnavailable, SystemShort
from compute_ref.settings import Deadlines, Environment, Retention

#: seconds beyond the grace in which a stop is answered
BEYOND_GRACE: Final = 1.0

log = logging.getLogger(__name__)


class Engine:
    """Runs jobs. `backends` and `environments` are by environment id; `hooks` is pluggy's relay.

    Nothing happens before :meth:`start`. Every method may be called from any thread.
    """

    def __init__(
        self,
        store: Jobs,
        backends: Mapping[str, Backend],
        environments: Mapping[str, Environment],
        provision: Provision,
        hooks: Any,
        workspaces: Workspaces,
        deadlines: Deadlines,
        retention: Retention,
        clock: Clock,
    ) -> None:
        self._house = House(store, hooks, workspaces, provision, deadlines, clock)
        self._backends = backends
        self._environments = environments
        self._lanes = {
            name: Lane[Turn](environment.maxJobs, self._begin)
            for name, environment in environments.items()
        }
        self._lock = threading.Lock()
        self._turns: dict[Ticket, Turn] = {}
        self._closed = False
        remove = partial(remove_everywhere, self._house, backends)
        expiry = Expiry(self._house, environments, retention, remove)
        self._watchdog = Watchdog(self._house, backends.values(), expiry, self)

    def start(self) -> None:
        """Take up the unfinished jobs where they were, sweep what belongs to none, begin."""
        self._house.workspaces.sweep()
        self.adopt()
        self._watchdog.start()

    def submit(self, job_id: str) -> None:
        """Queue a job that the store has just accepted or restarted."""
        try:
            job = self._house.store.get(job_id)
        except JobUnknown:
            return  # deleted meanwhile
        self._admit(job)

    def adopt(self) -> None:
        """Give every unfinished job that nobody sees to an owner again."""
        for job in in_order(self._house.store.unfinished()):
            if job.deleting:
                self._finish_deleting(job)
            else:
                self._admit(job)

    def stop(self, job_ids: Sequence[str]) -> None:
        """Stop jobs; returns when no algorithm of theirs runs, at the latest after grace + 1 s.

        The stop request is already in the store. Jobs that wait in the queue end at once.
        """
        until = self._house.clock.ticks() + self._house.deadlines.stop_grace + BEYOND_GRACE
        turns = self._turns_of(job_ids)
        waiting = [turn for turn in turns if self._lanes[turn.job.environment].withdraw(turn)]
        for turn in turns:
            turn.mailbox.ask_stop()
        for turn in waiting:
            self._spawn(turn, stopped_early)
        for turn in turns:
            wait = turn.mailbox.await_gone if turn in waiting else turn.mailbox.await_quiet
            wait(until)

    def delete(self, job_ids: Sequence[str]) -> None:
        """Delete jobs that the store has marked; returns when all of them is gone."""
        self.stop(job_ids)
        in_parallel("delete", [partial(self._delete, job_id) for job_id in job_ids])

    def current_jobs(self, environment_id: str) -> int:
        """How many jobs hold a place in the environment now."""
        with self._lock:
            turns = list(self._turns.values())
        return sum(
            turn.environment.id == environment_id and turn.begun and not turn.job.final
            for turn in turns
        )

    def close(self) -> None:
        """Leave the jobs where they are, algorithms running; all is taken up at the next start."""
        with self._lock:
            self._closed = True
            turns = list(self._turns.values())
        self._watchdog.close(PARTING)
        for lane in self._lanes.values():
            lane.close()
        for turn in turns:
            turn.mailbox.leave()
        end = time.monotonic() + PARTING
        for turn in turns:
            if turn.worker is not None:
                turn.worker.join(max(0.0, end - time.monotonic()))

    def _turns_of(self, job_ids: Iterable[str]) -> list[Turn]:
        wanted = set(job_ids)
        with self._lock:
            return [turn for ticket, turn in self._turns.items() if ticket[0] in wanted]

    def _admit(self, job: Job) -> None:
        """Make a turn of `job`, unless there is one, and send it to its lane."""
        lane = self._lanes.get(job.environment)
        if lane is None:
            end_homeless(self._house, job)
            return
        turn = self._new_turn(job)
        if turn is None:
            return
        if under_way(turn.job):
            lane.adopt(turn)
        else:
            lane.enter(turn)
            self._look_again(turn)

    def _look_again(self, turn: Turn) -> None:
        """A stop or delete may have come before the turn was in the queue to be withdrawn."""
        mailbox = turn.mailbox
        if not (mailbox.stop_asked or mailbox.leaving):
            return
        if self._lanes[turn.environment.id].withdraw(turn):
            if mailbox.leaving:
                self._put_down(turn)
            else:
                self._spawn(turn, stopped_early)

    def _new_turn(self, job: Job) -> Turn | None:
        with self._lock:
            if self._closed or (job.job_id, job.run) in self._turns:
                return None
            try:
                fresh = self._house.store.get(job.job_id)
            except JobUnknown:
                return None
            if fresh.final or fresh.run != job.run:
                return None
            environment = self._environments[job.environment]
            turn = Turn(self._house, environment, self._backends[job.environment], fresh)
            self._turns[turn.ticket] = turn
            return turn

    def _begin(self, turn: Turn) -> None:
        turn.begun = True
        self._spawn(turn, first_phase(turn.job))

    def _spawn(self, turn: Turn, phase: Phase) -> None:
        try:
            turn.worker = begin_thread(f"job {turn.ticket[0]}", partial(self._work, turn, phase))
        except SystemShort:
            log.warning("job %s waits: no thread could be had for it", turn.ticket[0])
            self._forget(turn)
            self._lanes[turn.environment.id].give_back(turn)

    def _work(self, turn: Turn, phase: Phase | None) -> None:
        try:
            while phase is not None:
                phase = phase(turn)
        except Left:
            log.debug("job %s is put down", turn.ticket[0])
        except (StoreUnavailable, SystemShort) as short:
            log.error("job %s waits for the watchdog: %s", turn.ticket[0], short)
        except Exception:
            log.exception("job %s met a fault of the server", turn.ticket[0])
            end_by_fault(turn)
        finally:
            self._put_down(turn)

    def _put_down(self, turn: Turn) -> None:
        self._forget(turn)
        self._lanes[turn.environment.id].leave(turn)

    def _forget(self, turn: Turn) -> None:
        turn.cancel.set()
        with self._lock:
            self._turns.pop(turn.ticket, None)
        turn.mailbox.gone()

    def _delete(self, job_id: str) -> None:
        turns = self._turns_of([job_id])
        for turn in turns:
            turn.given_up.set()
            turn.mailbox.leave()
            if self._lanes[turn.environment.id].withdraw(turn):
                self._put_down(turn)
        until = self._house.clock.ticks() + self._house.deadlines.backend_call
        for turn in turns:
            turn.mailbox.await_gone(until)
        remove_everywhere(self._house, self._backends, job_id)

    def _finish_deleting(self, job: Job) -> None:
        def delete() -> None:
            try:
                self.delete([job.job_id])
            except Exception:
                log.exception("job %s could not be deleted; the watchdog tries again", job.job_id)

        begin_thread(f"delete {job.job_id}", delete)
