"""GET /api/services/computeResult: one file of a finished job, in whole or in part."""

from __future__ import annotations

from typing import Final

import falcon

from compute_ref.http.files import Conditions, Part, Window, part
from compute_ref.http.parameters import query
from compute_ref.http.schemas import ResultQuery, loaded
from compute_ref.http.senders import sender, unless_token
from compute_ref.identity.callers import Caller
from compute_ref.jobs.expiry import expired
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.refusals import JobUnknown, Malformed, ResultUnknown
from compute_ref.services import Services

AMBIGUOUS_FROM: Final = 1  # index 1 and nonce 5 also read as nonce 15 (reading R18)
ALL: Final = 10**9
LONGEST: Final = 18  # digits of an index: no job has so many results


class ResultResource:
    """Streams results to their owner; all that can refuse is decided before the nonce is spent."""

    def __init__(self, services: Services) -> None:
        self._its = services

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Send a file, or the part of it that was asked for, and spend the nonce."""
        self._answer(req, resp, spend=True)

    def on_head(self, req: falcon.Request, resp: falcon.Response) -> None:
        """The same checks and headers; nothing is sent and nothing spent."""
        self._answer(req, resp, spend=False)

    def _answer(self, req: falcon.Request, resp: falcon.Response, *, spend: bool) -> None:
        needed = unless_token(req, "jobId", "signature", "nonce")
        wanted = loaded(ResultQuery, query(req), needed)
        text, job_id = wanted.get("index", "0"), wanted.get("jobId", "")
        caller = self._its.callers.spending(sender(req, wanted), job_id, text)
        job, index = self._job(caller, job_id), int(text[:LONGEST])
        self._check(job, index)
        sent = part(job.results[index], conditions(req))
        file = self._its.workspaces.open_result(job, index)
        try:
            if spend:
                self._spend(caller, job, index)
        except BaseException:
            file.close()
            raise
        if spend and sent.status != 304:
            resp.stream = Window(file, sent.first, sent.length)  # type: ignore[assignment]
        else:
            file.close()
        tell(resp, sent)

    def _job(self, caller: Caller, job_id: str) -> Job:
        if not job_id and not caller.by_token:
            text = "The jobId field is required. Only with an AuthToken it may be left out."
            raise Malformed({"jobId": [text]})
        wanted = JobFilter(job_id=job_id or None, owner=caller.address)
        found = self._its.store.find(wanted, limit=ALL)
        if not job_id:
            found = sorted((job for job in found if job.final), key=lambda job: job.finished or 0)
        if not found:
            raise JobUnknown
        return found[-1]

    def _check(self, job: Job, index: int) -> None:
        environments = {one.id: one for one in self._its.settings.environments}
        if expired(job, environments.get(job.environment), self._its.clock.now()):
            raise ResultUnknown(
                "The results of this job have expired. Restart it to have them again."
            )
        if not job.final:
            raise ResultUnknown("The job has no results yet. Ask again when dateFinished is set.")
        if index >= len(job.results):
            raise ResultUnknown(f"The job has {len(job.results)} results; there is no such index.")

    def _spend(self, caller: Caller, job: Job, index: int) -> None:
        ambiguous = index >= AMBIGUOUS_FROM
        self._its.store.consume(caller.claim, job.job_id, caller.digest, keep=ambiguous)


def conditions(req: falcon.Request) -> Conditions:
    """The request's headers on what of a file to send."""
    return Conditions(
        range=req.get_header("Range") or "",
        if_range=req.get_header("If-Range") or "",
        if_none_match=req.get_header("If-None-Match") or "",
    )


def tell(resp: falcon.Response, sent: Part) -> None:
    """Status and headers of a part of a file."""
    resp.status = sent.status
    for name, value in sent.headers.items():
        resp.set_header(name, value)
    if sent.status != 304:
        resp.content_length = sent.length
