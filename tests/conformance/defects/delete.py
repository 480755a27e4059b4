"""Servers that delete the wrong jobs, or not all of one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import falcon
import webob

from compute_ref.http import compute
from compute_ref.http.compute import ComputeResource
from compute_ref.http.status import DELETED
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.jobs.engine import Engine
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import Refused
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect
from tests.conformance.defects.makers import answers
from tests.conformance.defects.stop import USUAL, anybodys, by_id_alone, meant, only_query

ALL = 10**9
Told = dict[str, dict[str, Any]]


def remembering(
    name: str,
    requirement: str,
    rewrite: Callable[[Told, webob.Request, webob.Response], None],
    *,
    kind: Kind = Kind.BEHAVIOUR,
    calls: int = 3,
) -> None:
    """Register a server that remembers what it deleted: the status objects by jobId."""

    def apply(wrong: Wrong) -> None:
        told: Told = {}

        def answer(request: webob.Request, response: webob.Response) -> None:
            rewrite(told, request, response)
            if (
                request.path == COMPUTE
                and request.method == "DELETE"
                and response.status_int == 200
            ):
                told.update((job["jobId"], job) for job in response.json)

        wrong.answers(answer)

    defect(name, requirement, kind=kind, calls=calls)(apply)


def no_job(method: str) -> Callable[[webob.Request, webob.Response], object]:
    """Whether a call found none."""
    return lambda request, response: request.method == method and response.status_int == 404


def deleted(request: webob.Request, response: webob.Response) -> object:
    """Whether a delete was accepted."""
    return request.method == "DELETE" and response.status_int == 200


def acknowledges(name: str, requirement: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Register a server that changes each status object of the answer to a delete."""

    def of_each(request: webob.Request, job: dict[str, Any]) -> None:
        if request.method == "DELETE":
            change(job)

    def apply(wrong: Wrong) -> None:
        wrong.jobs(of_each)

    defect(name, requirement, kind=Kind.SHAPE, calls=3)(apply)


RESULT = {"filename": "a.txt", "filesize": 3, "type": "output", "index": 0}
answers("delete-answers-created", "CE-DELETE-ANSWER", deleted, 202, [], calls=2)
answers("delete-answers-success", "CE-DELETE-ANSWER", deleted, 200, {"success": True}, calls=2)
answers("delete-unknown-is-a-fault", "CE-DELETE-UNKNOWN", no_job("DELETE"), 500, {"error": "none"})
acknowledges("delete-status-stopped", "CE-DELETE-STATUS", lambda job: job.update(status=7))
acknowledges("delete-removed-zero", "CE-DELETE-REMOVED", lambda job: job.update(removed=0))
acknowledges(
    "delete-shows-results", "CE-DELETE-NO-RESULTS", lambda job: job.update(results=[RESULT])
)
defect("delete-not-by-body", "CE-DELETE-BODY", calls=2)(only_query("DELETE"))


def listed_still(told: Told, request: webob.Request, response: webob.Response) -> None:
    """A list with what was deleted in it."""
    if request.path == COMPUTE and request.method == "GET" and "jobId" not in request.GET:
        owner = request.GET.get("consumerAddress")
        if response.status_int == 200:
            response.json = [*response.json, *(j for j in told.values() if j["owner"] == owner)]


def told_again(told: Told, request: webob.Request, response: webob.Response) -> None:
    """The same answer as to the first delete."""
    job = told.get(request.params.get("jobId", ""))
    if no_job("DELETE")(request, response) and job is not None:
        response.status_int, response.json = 200, [job]


def stopped_after(told: Told, request: webob.Request, response: webob.Response) -> None:
    """A stop of what is no more there."""
    job = told.get(request.params.get("jobId", ""))
    if no_job("PUT")(request, response) and job is not None:
        response.status_int, response.json = 200, [{**job, "status": 7}]


remembering("delete-stays-listed", "CE-DELETE-LIST", listed_still, calls=4)
remembering("delete-told-again", "CE-DELETE-TWICE", told_again)
remembering("delete-stopped-after", "CE-DELETE-STOP-AFTER", stopped_after)


def unmarked(self: Store, job_ids: list[str], claim: Any) -> list[Job]:
    """What is to be deleted, and nothing done about it but the nonce."""
    jobs = [self.get(job_id) for job_id in job_ids]
    self.ask_stop([], claim)
    return jobs


@defect("delete-does-nothing", "CE-DELETE-GONE", calls=4)
def does_nothing(wrong: Wrong) -> None:
    wrong.patch(Store, "ask_delete", unmarked)
    wrong.patch(Engine, "delete", lambda self, job_ids: None)


@defect("delete-only-hides", "CE-DELETE-RESULTS", kind=Kind.SECURITY, calls=5)
def only_hides(wrong: Wrong) -> None:
    hidden: set[str] = set()

    def hide(request: webob.Request, response: webob.Response) -> None:
        if request.path != COMPUTE or response.status_int != 200 or not response.body:
            return
        if request.method != "DELETE":
            response.json = [job for job in response.json if job["jobId"] not in hidden]
        elif hidden.issuperset(job["jobId"] for job in response.json):
            response.status_int, response.json = 404, {"error": "no such job"}
        else:
            hidden.update(job["jobId"] for job in json.loads(response.body))

    wrong.patch(Store, "ask_delete", unmarked)
    wrong.patch(Engine, "delete", lambda self, job_ids: None)
    wrong.answers(hide)


@defect("delete-without-signature", "CE-DELETE-UNSIGNED", kind=Kind.SECURITY, calls=2)
def without_signature(wrong: Wrong) -> None:
    usual = Callers.deleting

    def deleting(self: Callers, sender: Credentials, *about: Any) -> Caller:
        if not sender.signature and not sender.token:
            return Caller(sender.address, None)
        return usual(self, sender, *about)

    wrong.patch(compute, "unless_token", lambda request, *names: ())
    wrong.patch(Callers, "deleting", deleting)


@defect("delete-of-anybody", "CE-DELETE-OTHERS", kind=Kind.SECURITY, calls=2)
def of_anybody(wrong: Wrong) -> None:
    meant(wrong, "DELETE", anybodys)


@defect("delete-all-of-owner", "CE-DELETE-ONLY", calls=3)
def all_of_owner(wrong: Wrong) -> None:
    def found(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        named = USUAL(self, caller, job_id, document_id)
        return USUAL(self, caller, "", "") if job_id and named else named

    meant(wrong, "DELETE", found)


@defect("delete-not-while-running", "CE-DELETE-RUNNING", calls=3)
def not_while_running(wrong: Wrong) -> None:
    def found(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        jobs = USUAL(self, caller, job_id, document_id)
        for job in jobs:  # but for jobs that may end at any moment
            stays = "stay" in self._its.store.plan(job.job_id).algorithm.rawcode
            if stays and not job.final:
                raise Refused({"jobId": "not_final"})
        return jobs

    meant(wrong, "DELETE", found)


@defect("delete-ignores-document", "CE-DELETE-DOCUMENT", calls=3)
def ignores_document(wrong: Wrong) -> None:
    meant(wrong, "DELETE", lambda self, caller, job_id, _: USUAL(self, caller, job_id, ""))


@defect("delete-document-of-everybody", "CE-DELETE-DOCUMENT-OWN", kind=Kind.SECURITY, calls=3)
def document_of_everybody(wrong: Wrong) -> None:
    def found(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        if job_id:
            return USUAL(self, caller, job_id, document_id)
        return self._its.store.find(JobFilter(document_id=document_id), ALL)

    meant(wrong, "DELETE", found)


@defect("delete-all-by-address", "CE-DELETE-ADDRESS-ALONE", calls=2)
def all_by_address(wrong: Wrong) -> None:
    usual = ComputeResource.on_delete

    def delete(self: ComputeResource, req: falcon.Request, resp: falcon.Response) -> None:
        if {"jobId", "documentId"} & set(req.params) or not req.query_string:
            usual(self, req, resp)
            return
        _, _, who = self._reference(req)
        caller = self._its.callers.spending(who, "", "")
        jobs = [job.job_id for job in self._meant(caller, "", "")]
        found = self._its.store.ask_delete(jobs, caller.claim)
        self._its.engine.delete(jobs)
        resp.text = self._shown(req, found, signed=True, acknowledged=DELETED)

    wrong.patch(ComputeResource, "on_delete", delete)


@defect("delete-by-id-alone", "CE-DELETE-MISMATCH", calls=2)
def delete_by_id_alone(wrong: Wrong) -> None:
    meant(wrong, "DELETE", by_id_alone)


@defect("delete-forgets-nonces", "CE-DELETE-NONCE-KEPT", kind=Kind.SECURITY, calls=3)
def forgets_nonces(wrong: Wrong) -> None:
    usual = Store.remove

    def remove(self: Store, job_id: str) -> None:
        owner = self.get(job_id, deleting=True).owner
        usual(self, job_id)
        self.db.journal_table("nonces").drop([owner])

    wrong.patch(Store, "remove", remove)
