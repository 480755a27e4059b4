"""What servers that were killed left in the folders of jobs that have ended, or are gone."""

from __future__ import annotations

import logging

from compute_ref.jobs.turn import House
from compute_ref.refusals import JobUnknown

log = logging.getLogger(__name__)


class Leftovers:
    """Sees to folders that hold more than results, once: a server that lives tidies up itself."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._done = False

    def look(self) -> None:
        """Remove what no job needs any more; not again once that came to its end."""
        if not self._done:
            for job_id in self._house.workspaces.untidy():
                self._tidy(job_id)
            self._done = True

    def _tidy(self, job_id: str) -> None:
        workspaces = self._house.workspaces
        try:
            job = self._house.store.get(job_id, deleting=True)
        except JobUnknown:
            log.warning("removing the folder of job %s, which is not known", job_id)
            workspaces.remove(job_id)
            return
        if job.final and not job.deleting:
            workspaces.keep_results(job_id, job.run)
            workspaces.remove_older(job_id, job.run)
