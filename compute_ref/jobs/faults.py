"""Ends for jobs that cannot go the usual way: the server's own faults, a missing environment."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final, NoReturn

from compute_ref.jobs.endings import Ending
from compute_ref.jobs.mailbox import Left
from compute_ref.jobs.model import FinishReason, Job, Status
from compute_ref.jobs.publishing import end
from compute_ref.jobs.turn import House, Turn
from compute_ref.plugins import Backend, BackendUnavailable, Exit, Handle, Limits, Run
from compute_ref.refusals import StoreUnavailable, SystemShort
from compute_ref.settings import Environment

log = logging.getLogger(__name__)
FAULT: Final = Ending(
    FinishReason.BACKEND,
    "The server met a fault of its own while it saw to this job. Restart the job; if it ends like"
    " this again, tell the server's operator.",
    sound=False,
)
HOMELESS: Final = Ending(
    FinishReason.BACKEND,
    "The job's environment is no longer configured on this server. Start it in another one.",
    sound=False,
)
FORSAKEN: Final = replace(
    HOMELESS,
    message="The job's environment is no longer configured on this server. Its algorithm was"
    " launched and may still run until an environment with the same backend is configured: tell the"
    " server's operator. Start the job in another environment.",
)


class NoBackend(Backend):
    """Stands where an environment, and with it the backend of a job, is no longer configured."""

    def check(self) -> str:
        """Raise BackendUnavailable."""
        self._missing()

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """Nothing is."""
        return {}

    def launch(self, run: Run) -> Handle:
        """Raise BackendUnavailable."""
        self._missing()

    def find(self, name: str) -> Handle | None:
        """Raise BackendUnavailable."""
        self._missing()

    def list(self) -> Collection[str]:
        """Nothing."""
        return ()

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        """Raise BackendUnavailable."""
        self._missing()

    def stop(self, name: str, grace: float) -> None:
        """Raise BackendUnavailable."""
        self._missing()

    def remove(self, name: str) -> None:
        """Leave it to the sweep of the backend that has it."""

    def _missing(self) -> NoReturn:
        raise BackendUnavailable("the environment is no longer configured")


def end_homeless(house: House, job: Job) -> None:
    """End a job whose environment is gone from the configuration.

    What may still run of it is known by name only: the sweep of its backend ends it, now or once
    an environment uses that backend again.
    """
    environment = Environment(id=job.environment, backend="")
    turn = Turn(house, environment, NoBackend(), job)
    if job.launched is None or job.status >= Status.FILTERING:
        end_by_fault(turn, HOMELESS)
        return
    log.warning(
        "job %s: its environment %s is no longer configured; what still runs of it as %s is ended"
        " as soon as the server is started with any environment on the same backend",
        job.job_id,
        job.environment,
        job.launched,
    )
    end_by_fault(turn, FORSAKEN)


def end_by_fault(turn: Turn, ending: Ending = FAULT) -> None:
    """End a job for which no phase is left to take; if nothing else works, without a log."""
    with suppress(Left):
        try:
            end(turn, status=Status.COMPLETED, ending=ending)
        except (StoreUnavailable, SystemShort) as short:
            log.error("job %s waits for the watchdog: %s", turn.ticket[0], short)
        except Exception:
            log.exception("job %s could not be ended in the usual way", turn.ticket[0])
            now = turn.house.clock.now()
            turn.change(lambda job: ending.of(job).ended(Status.COMPLETED, now, ()), sync=True)
