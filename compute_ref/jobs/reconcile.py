"""Where to take up a job again after a restart of the server (the page's life cycle)."""

from __future__ import annotations

from collections.abc import Iterable

from compute_ref.jobs.launching import launch
from compute_ref.jobs.model import Job, Status
from compute_ref.jobs.preparing import prepare
from compute_ref.jobs.publishing import filter_outputs, may_collect, publish_logs
from compute_ref.jobs.running import resume
from compute_ref.jobs.turn import Phase


def first_phase(job: Job) -> Phase:
    """What an unfinished `job` does next, whatever its status."""
    if job.status >= Status.FILTERING:
        return filter_outputs if may_collect(job) else publish_logs
    if job.status is Status.RUNNING:
        return resume
    return prepare if job.launched is None else launch


def under_way(job: Job) -> bool:
    """Whether the run holds a place whatever the queue says: it was launched, or is past that."""
    return job.launched is not None or job.status >= Status.RUNNING


def in_order(jobs: Iterable[Job]) -> list[Job]:
    """`jobs`, oldest first, in the order in which they get their places back."""
    return sorted(jobs, key=lambda job: (not under_way(job), job.status is Status.WARMING_UP))
