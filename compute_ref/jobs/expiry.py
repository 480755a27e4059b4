"""Results and records that have had their time (reading R16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.jobs.turn import House
from compute_ref.refusals import JobUnknown
from compute_ref.settings import Environment, Retention

PAGE: Final = 1_000  #: jobs seen to at one look
ADJUSTED: Final = 60.0  #: seconds by which a wall clock may be put right without being doubted


def expired(job: Job, environment: Environment | None, now: float) -> bool:
    """Whether the results of `job` are no longer to be shown or fetched.

    `now` is Unix seconds; ``storageExpiry`` counts from dateFinished, 0 is never. True from the
    very moment on, whether or not the files have been removed yet.
    """
    if job.results_expired:
        return True
    if environment is None or not environment.storageExpiry or job.finished is None:
        return False
    return now >= job.finished + environment.storageExpiry


def record_expired(job: Job, retention: Retention, now: float) -> bool:
    """Whether the record itself is to go."""
    if not retention.record_expiry or job.finished is None:
        return False
    return now >= job.finished + retention.record_expiry


def without_results(job: Job) -> Job:
    """`job` with its results gone."""
    return replace(job, results=(), results_expired=True)


class Expiry:
    """Makes expiry true on the disk, a page of jobs at each look."""

    def __init__(
        self,
        house: House,
        environments: Mapping[str, Environment],
        retention: Retention,
        remove: Callable[[str], None],
    ) -> None:
        self._house = house
        self._environments = environments
        self._retention = retention
        self._remove = remove
        self._offset = 0
        self._began = house.clock.moment()

    def look(self) -> None:
        """See to the next page of jobs."""
        if not (self._retention.record_expiry or self._results_expire()):
            return
        page = self._house.store.find(JobFilter(), PAGE, self._offset)
        gone = sum(self._look_at(job) for job in page)
        self._offset = self._offset + PAGE - gone if len(page) == PAGE else 0

    def _results_expire(self) -> bool:
        return any(environment.storageExpiry for environment in self._environments.values())

    def _look_at(self, job: Job) -> bool:
        """Do what is due for one job; True where its record went."""
        now = self._surely()
        if record_expired(job, self._retention, now):
            return self._remove_record(job)
        if expired(job, self._environments.get(job.environment), now) and not job.results_expired:
            self._remove_results(job)
        return False

    def _surely(self) -> float:
        """The wall clock, as far as it went with the boot clock since the server began.

        What is removed is gone, and a clock that jumped ahead may be set back again.
        """
        passed = self._house.clock.ticks() - self._began.ticks
        return min(self._house.clock.now(), self._began.wall + passed + ADJUSTED)

    def _remove_record(self, job: Job) -> bool:
        marked = self._change(job, lambda found: replace(found, deleting=True))
        if marked is not None:
            self._remove(job.job_id)
        return marked is not None

    def _remove_results(self, job: Job) -> None:
        if self._change(job, without_results) is not None:
            self._house.workspaces.remove_results(job)

    def _change(self, job: Job, change: Callable[[Job], Job]) -> Job | None:
        """The changed job, or None where it was restarted or deleted in the meantime."""

        def unless_restarted(found: Job) -> Job:
            return change(found) if found.final and found.run == job.run else found

        try:
            changed = self._house.store.change(job.job_id, unless_restarted, sync=True)
        except JobUnknown:
            return None
        return changed if changed.final and changed.run == job.run else None
