"""Deleting a job: whatever of it exists anywhere goes, the record last."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from compute_ref.jobs.calls import Call
from compute_ref.jobs.mailbox import DeadlinePassed, Mailbox
from compute_ref.jobs.turn import House
from compute_ref.plugins import Backend
from compute_ref.refusals import JobUnknown

log = logging.getLogger(__name__)


def remove_everywhere(house: House, backends: Mapping[str, Backend], job_id: str) -> None:
    """Remove the job's run from its backend, its folders, its record; twice is fine.

    What a backend does not let go of in time is left to the next sweep.
    """
    try:
        job = house.store.get(job_id, deleting=True)
    except JobUnknown:
        return
    backend = backends.get(job.environment)
    if job.launched is not None and backend is not None:
        remove_run(house, backend, job.launched)
    house.workspaces.remove(job_id)
    house.store.remove(job_id)


def remove_run(house: House, backend: Backend, name: str) -> None:
    """Have `backend` remove one run, and wait for it as long as a backend call may take."""
    mailbox = Mailbox(house.clock)
    until = house.clock.ticks() + house.deadlines.backend_call
    call = Call(mailbox, f"remove {name}", partial(backend.remove, name))
    try:
        mailbox.wait(lambda: call.done, until, stoppable=False)
        call.result()
    except DeadlinePassed:
        log.error("a backend did not remove %s in time; the next sweep tries again", name)
    except Exception:
        log.exception("a backend failed to remove %s; the next sweep tries again", name)
