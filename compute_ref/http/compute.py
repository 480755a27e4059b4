"""/api/services/compute: start or restart, look, stop, delete."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import falcon

from compute_ref.assets.plan import Plan
from compute_ref.http.fields import JOB_ID_LENGTH
from compute_ref.http.headers import base_url
from compute_ref.http.parameters import body, query, query_or_body
from compute_ref.http.reading import Reading
from compute_ref.http.restarts import repeated, start_request
from compute_ref.http.schemas import Find, Reference, Start, loaded
from compute_ref.http.senders import sender, token, unless_token
from compute_ref.http.status import (
    DELETED,
    STOPPED,
    Acknowledged,
    View,
    array,
    status_text,
)
from compute_ref.identity.addresses import checksum_address
from compute_ref.identity.callers import Caller, Credentials
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.expiry import expired
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job, Passage, Status
from compute_ref.jobs.recent import Recent
from compute_ref.jobs.room import check_room
from compute_ref.jobs.store import main_order
from compute_ref.refusals import JobUnknown, Malformed, Refused
from compute_ref.services import Services

LAST_LETTERS = "ghijklmnopqrstuvwxyz"
LONGEST_KEPT = 8192  # characters of a status object
LONGEST_REMEMBERED = 512  # characters of a query
MOST_REMEMBERED = 2048  # queries


class ComputeResource(Reading):
    """The four calls on jobs; each answers with an array of status objects."""

    def __init__(self, services: Services) -> None:
        self._its = services
        self._recent: Recent[tuple[str, View, Acknowledged | None], Job, str] = Recent()
        self._asked_before = lru_cache(MOST_REMEMBERED)(_asked)

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Start a job, or a further run of one."""
        sent = body(req, self._its.settings.server.max_body)
        always = () if "jobId" in sent else ("dataset.documentId",)
        wanted = loaded(Start, sent, (*always, *unless_token(req, "signature", "nonce")))
        job_id = wanted.get("jobId", "")
        document_id = wanted.get("dataset", {}).get("documentId", "")
        caller = self._its.callers.spending(sender(req, wanted), job_id, document_id)
        job = self._restart(job_id, wanted, caller) if job_id else self._start(wanted, caller)
        self._its.engine.submit(job.job_id)
        resp.text = self._shown(req, [job], signed=True)

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Jobs by owner, document, job or order, newest first."""
        wanted = self._wanted(req)
        keys = ("consumerAddress", "documentId", "jobId", "agreementId")
        if not any(key in wanted for key in keys):
            text = "One of consumerAddress, documentId, jobId and agreementId is required."
            raise Malformed({key: [text] for key in keys})
        caller = self._reader(req, wanted)
        owner = wanted.get("consumerAddress")
        found = self._its.store.find(
            JobFilter(
                job_id=wanted.get("jobId"),
                owner=checksum_address(owner) if owner else None,
                document_id=wanted.get("documentId"),
                agreement_id=wanted.get("agreementId"),
            ),
            wanted["limit"],
            wanted["offset"],
        )
        resp.text = self._shown(req, found, signed=caller is not None)

    def on_put(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Stop; answers when none of the algorithms runs."""
        job_id, document_id, who = self._reference(req)

        def first_run() -> bool:
            return any(job.run == 1 for job in self._own(who.address, job_id))

        caller = self._its.callers.stopping(who, job_id, document_id, first_run)
        meant = partial(self._going_on, caller, document_id)
        jobs = self._meant(caller, job_id, document_id) if job_id else meant()
        with self._its.slow.place():
            jobs = _marked(self._its.store.ask_stop, jobs, caller, None if job_id else meant)
            self._its.engine.stop([job.job_id for job in jobs])
        now = [current for job in jobs for current in self._own(caller.address, job.job_id)]
        resp.text = self._shown(req, now, signed=True, acknowledged=STOPPED)

    def on_delete(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Stop and remove with everything that belongs to the job."""
        job_id, document_id, who = self._reference(req)
        if not job_id and not document_id:
            text = "One of jobId and documentId is required."
            raise Malformed({"jobId": [text], "documentId": [text]})

        def own() -> bool:
            return bool(self._own(who.address, job_id))

        caller = self._its.callers.deleting(who, job_id, document_id, own)
        meant = partial(self._meant, caller, job_id, document_id)
        jobs = meant()
        with self._its.slow.place():
            jobs = _marked(self._its.store.ask_delete, jobs, caller, None if job_id else meant)
            self._its.engine.delete([job.job_id for job in jobs])
        resp.text = self._shown(req, jobs, signed=True, acknowledged=DELETED)

    def _start(self, wanted: Mapping[str, Any], caller: Caller) -> Job:
        plan = self._its.admission.admit(start_request(wanted), caller.address)
        self._check_room()
        job = new_job(plan, caller.address, self._its.clock.now())
        self._its.store.accept(job, plan, caller.claim, self._its.settings.queue)
        return job

    def _restart(self, job_id: str, wanted: Mapping[str, Any], caller: Caller) -> Job:
        known = self._own(caller.address, job_id)
        if not known:
            raise JobUnknown
        if not known[0].final:
            raise Refused({"jobId": "not_final"})
        request = repeated(self._its.store.plan(job_id), wanted)
        plan = self._its.admission.admit(request, caller.address)
        self._check_room()
        return self._its.store.restart(
            job_id, caller.address, plan, caller.claim, self._its.settings.queue
        )

    def _check_room(self) -> None:
        settings = self._its.settings
        check_room(settings.server.data_dir, settings.queue.min_free_disk)

    def _reference(self, req: falcon.Request) -> tuple[str, str, Credentials]:
        sent = query_or_body(req, self._its.settings.server.max_body)
        wanted = loaded(Reference, sent, unless_token(req, "signature"))
        return wanted.get("jobId", ""), wanted.get("documentId", ""), sender(req, wanted)

    def _wanted(self, req: falcon.Request) -> Mapping[str, Any]:
        """What a GET asks for; a job is asked for again and again while it goes on."""
        sent = tuple(query(req).items())
        short = len(req.query_string) <= LONGEST_REMEMBERED
        return self._asked_before(sent) if short else _asked(sent)

    def _reader(self, req: falcon.Request, wanted: Mapping[str, Any]) -> Caller | None:
        if "consumerAddress" not in wanted:
            if "signature" in wanted or token(req):
                text = "The consumerAddress field is required."
                raise Malformed({"consumerAddress": [text]})
            return None
        who = sender(req, wanted)
        return self._its.callers.reading(who, wanted.get("jobId", ""), wanted.get("documentId", ""))

    def _own(self, address: str, job_id: str) -> Sequence[Job]:
        return self._its.store.find(JobFilter(job_id=job_id, owner=address))

    def _meant(self, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        found = self._its.store.find(
            JobFilter(job_id or None, caller.address, document_id or None), limit=10**9
        )
        if job_id and not found:
            raise JobUnknown
        return found

    def _going_on(self, caller: Caller, document_id: str) -> list[Job]:
        return [
            job
            for job in self._its.store.unfinished()
            if job.owner == caller.address
            and document_id in ("", job.document_id)
            and not job.deleting
        ]

    def _shown(
        self,
        req: falcon.Request,
        jobs: Sequence[Job],
        *,
        signed: bool,
        acknowledged: Acknowledged | None = None,
    ) -> str:
        base, now = base_url(req, self._its.settings.server), self._its.clock.now()
        environments = {one.id: one for one in self._its.settings.environments}
        return array(
            self._text(
                job,
                View(base, signed, expired(job, environments.get(job.environment), now)),
                acknowledged,
            )
            for job in jobs
        )

    def _text(self, job: Job, view: View, acknowledged: Acknowledged | None) -> str:
        """A job is asked for again and again while it stays as it is."""
        key = (job.job_id, view, acknowledged)
        text = self._recent.get(key, job)
        if text is None:
            text = status_text(job, view, acknowledged)
            if len(text) <= LONGEST_KEPT:
                self._recent.keep(key, job, text)
        return text


def _asked(sent: Iterable[tuple[str, Any]]) -> Mapping[str, Any]:
    return loaded(Find, dict(sent))


def _marked(
    mark: Callable[[Sequence[str], NonceClaim | None], list[Job]],
    jobs: list[Job],
    caller: Caller,
    again: Callable[[], list[Job]] | None,
) -> list[Job]:
    """The `jobs`, marked; where one went meanwhile, JobUnknown or those that are found `again`."""
    while True:
        try:
            return mark([job.job_id for job in jobs], caller.claim)
        except JobUnknown:
            if again is None:
                raise
            jobs = again()


def new_job(plan: Plan, owner: str, now: float) -> Job:
    """The first run of an admitted plan."""
    return Job(
        job_id=secrets.token_hex(JOB_ID_LENGTH)[: JOB_ID_LENGTH - 1] + secrets.choice(LAST_LETTERS),
        owner=owner,
        document_id=plan.datasets[0].document_id,
        agreement_id=main_order(plan),
        environment=plan.environment,
        algo_did=plan.algorithm.document_id,
        input_dids=tuple(dataset.document_id for dataset in plan.datasets),
        created=now,
        history=(Passage(1, Status.WARMING_UP, now),),
    )
