"""Servers that go wrong after a certain history alone: the model's programs find them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import webob

from compute_ref.http.compute import ComputeResource
from compute_ref.identity.callers import Caller
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.engine import Engine
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import Refused
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect

Then = Callable[[webob.Request, webob.Response], None]


def asked(request: webob.Request) -> dict[str, Any]:
    """The parameters of a call; none where they cannot be read."""
    try:
        if request.GET or request.method == "GET":
            return dict(request.GET)
        found = json.loads(request.body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def accepted(request: webob.Request, response: webob.Response, *methods: str) -> bool:
    """Whether this is an accepted compute call of one of these methods."""
    path = request.environ["PATH_INFO"]
    return path == COMPUTE and request.method in methods and response.status_int == 200


def again(request: webob.Request, response: webob.Response) -> str:
    """The job of an accepted restart, or ""."""
    started = accepted(request, response, "POST")
    return str(asked(request).get("jobId") or "") if started else ""


@defect("a-second-run-is-deleted-with-its-siblings", "CE-MODEL-KEPT", calls=4)
def deleted_with_siblings(wrong: Wrong) -> None:
    """Folders of further runs lie beside those of other jobs, and are removed by a pattern."""
    usual = Store.ask_delete

    def more(self: Store, job_ids: Sequence[str], claim: NonceClaim | None) -> list[Job]:
        jobs = [self.get(job_id) for job_id in job_ids]
        if not any(job.run > 1 for job in jobs):
            return usual(self, job_ids, claim)
        siblings = self.find(JobFilter(owner=jobs[0].owner))
        return usual(self, [job.job_id for job in siblings], claim)

    wrong.patch(Store, "ask_delete", more)


@defect("restarted-jobs-are-in-every-list", "CE-MODEL-OTHERS", kind=Kind.SECURITY, calls=4)
def in_every_list(wrong: Wrong) -> None:
    """The index by owner is not written for further runs, and unowned jobs are shown to all."""
    usual = Store.find

    def leaky(self: Store, wanted: JobFilter, limit: int = 1000, offset: int = 0) -> list[Job]:
        found = usual(self, wanted, limit, offset)
        if not wanted.owner or wanted.job_id or wanted.document_id or limit != 1000:
            return found
        ids = {job.job_id for job in found}
        further = usual(self, replace(wanted, owner=None))
        return found + [job for job in further if job.run > 1 and job.job_id not in ids]

    wrong.patch(Store, "find", leaky)


@defect("nonces-go-with-a-second-run", "CE-MODEL-REPLAY", kind=Kind.SECURITY, calls=5)
def nonces_go(wrong: Wrong) -> None:
    """What is kept of an account goes with its restarted job."""
    usual = Store.ask_delete

    def forgetful(self: Store, job_ids: Sequence[str], claim: NonceClaim | None) -> list[Job]:
        jobs = usual(self, job_ids, claim)
        if any(job.run > 1 for job in jobs):
            with self._durable():
                self._ledger._nonces.put(jobs[0].owner, {"nonce": "1"})
        return jobs

    wrong.patch(Store, "ask_delete", forgetful)


@defect("a-stop-of-all-ends-what-has-ended", "CE-MODEL-FINAL", calls=4)
def ends_what_has_ended(wrong: Wrong) -> None:
    usual = ComputeResource._going_on

    def and_final(self: ComputeResource, caller: Caller, document_id: str) -> list[Job]:
        store, now = self._its.store, self._its.clock.now()
        for job in store.find(JobFilter(owner=caller.address)):
            if job.final:
                store.change(job.job_id, lambda one: replace(one, finished=now))
        return usual(self, caller, document_id)

    wrong.patch(ComputeResource, "_going_on", and_final)


@defect("deleted-jobs-come-back-with-the-next", "CE-MODEL-DELETED", kind=Kind.SECURITY, calls=4)
def come_back(wrong: Wrong) -> None:
    """The list of tombstones begins anew with each start of the account."""
    dead: dict[str, list[Any]] = {}
    back: dict[str, list[Any]] = {}

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if accepted(request, response, "DELETE"):
            for job in response.json:
                dead.setdefault(job["owner"], []).append(job)
        elif accepted(request, response, "POST"):
            owner = response.json[0]["owner"]
            back.setdefault(owner, []).extend(dead.pop(owner, []))
        elif accepted(request, response, "GET") and "jobId" not in asked(request):
            more = back.get(asked(request).get("consumerAddress", ""), [])
            response.body = json.dumps([*response.json, *more]).encode()

    wrong.answers(rewrite)


@defect("a-stop-of-a-second-run-stops-more", "CE-MODEL-RUNS-ON", calls=6)
def stops_more(wrong: Wrong) -> None:
    """Process groups of further runs are those of the account."""
    usual = Engine.stop

    def more(self: Engine, job_ids: Sequence[str]) -> None:
        store = self._house.store
        jobs = [store.get(job_id, deleting=True) for job_id in job_ids]
        owners = {job.owner for job in jobs if job.run > 1}
        others = [job.job_id for job in store.unfinished() if job.owner in owners]
        usual(self, [*job_ids, *(one for one in others if one not in job_ids)])

    wrong.patch(Engine, "stop", more)


@defect("a-stop-of-all-is-remembered-for-the-next-run", "CE-MODEL-STOPREQ", calls=5)
def remembered_for_the_next(wrong: Wrong) -> None:
    stopped: set[str] = set()
    marked: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if accepted(request, response, "PUT") and not asked(request).get("jobId"):
            stopped.update(job["jobId"] for job in response.json)
        if again(request, response) in stopped:
            marked.add(again(request, response))

    def mark(request: webob.Request, job: dict[str, Any]) -> None:
        if job["jobId"] in marked:
            job["stopreq"] = 1

    wrong.answers(rewrite)
    wrong.jobs(mark)


@defect("the-third-run-makes-the-job-new", "CE-MODEL-SAME", calls=6)
def third_run_is_new(wrong: Wrong) -> None:
    usual = Job.run_again

    def new(self: Job, at: float, agreement_id: str) -> Job:
        found = usual(self, at, agreement_id)
        return replace(found, created=at) if self.run > 1 else found

    wrong.patch(Job, "run_again", new)


@defect("a-job-that-was-fetched-from-is-not-run-again", "CE-MODEL-RESTART", calls=4)
def fetched_is_busy(wrong: Wrong) -> None:
    """A download keeps the job's folder open."""
    open_ones: set[str] = set()
    usual = ComputeResource._restart

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path.endswith("/computeResult") and response.status_int == 200:
            open_ones.add(str(asked(request).get("jobId")))

    def unless_open(self: ComputeResource, job_id: str, wanted: Any, caller: Caller) -> Job:
        if job_id in open_ones:
            raise Refused({"jobId": "busy"})
        return usual(self, job_id, wanted, caller)

    wrong.answers(rewrite)
    wrong.patch(ComputeResource, "_restart", unless_open)


@defect("a-second-run-is-restarted-while-it-runs", "CE-MODEL-RESTART-REFUSED", calls=6)
def restarted_while_it_runs(wrong: Wrong) -> None:
    """A restart that was accepted once is taken for sent twice."""
    usual = ComputeResource._restart

    def lenient(self: ComputeResource, job_id: str, wanted: Any, caller: Caller) -> Job:
        found = self._own(caller.address, job_id)
        if found and found[0].run > 1 and not found[0].final:
            return found[0]
        return usual(self, job_id, wanted, caller)

    wrong.patch(ComputeResource, "_restart", lenient)


@defect("a-stop-after-a-stop-of-all-publishes-again", "CE-MODEL-GROWS", calls=5)
def publishes_again(wrong: Wrong) -> None:
    stopped: set[str] = set()
    twice: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if accepted(request, response, "PUT"):
            ids = {job["jobId"] for job in response.json}
            if asked(request).get("jobId"):
                twice.update(ids & stopped)
            else:
                stopped.update(ids)

    def mark(request: webob.Request, job: dict[str, Any]) -> None:
        if request.method == "GET" and job["jobId"] in twice and job["status"] == 70:
            job.update(status=60, statusText="Publishing results", dateFinished=None)

    wrong.answers(rewrite)
    wrong.jobs(mark)


@defect("the-nonce-of-a-refused-delete-is-told", "CE-MODEL-NONCE", calls=3)
def refused_delete_is_told(wrong: Wrong) -> None:
    """What is told comes from the log of calls."""
    seen: dict[str, float] = {}

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        told = asked(request)
        if request.method == "DELETE" and response.status_int == 400 and told.get("jobId"):
            address, nonce = str(told.get("consumerAddress")).lower(), str(told.get("nonce"))
            if nonce.isdigit():
                seen[address] = max(seen.get(address, 0), int(nonce))
        elif request.path.endswith("/nonce") and response.status_int == 200 and response.body:
            last = seen.get(str(asked(request).get("userAddress")).lower(), 0)
            response.body = json.dumps({"nonce": max(last, response.json["nonce"])}).encode()

    wrong.answers(rewrite)


@defect("a-stop-of-a-second-run-tells-nothing", "CE-MODEL-STOP", calls=5)
def tells_nothing(wrong: Wrong) -> None:
    second: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        second.add(again(request, response))
        if accepted(request, response, "PUT") and asked(request).get("jobId") in second:
            response.body = b"[]"

    wrong.answers(rewrite)


@defect("a-second-run-cannot-be-deleted", "CE-MODEL-DELETE", calls=4)
def cannot_be_deleted(wrong: Wrong) -> None:
    usual = Store.ask_delete

    def first_runs(self: Store, job_ids: Sequence[str], claim: NonceClaim | None) -> list[Job]:
        if any(self.get(job_id).run > 1 for job_id in job_ids):
            raise Refused({"jobId": "busy"})
        return usual(self, job_ids, claim)

    wrong.patch(Store, "ask_delete", first_runs)


@defect("a-stopped-job-is-copied-when-it-is-run-again", "CE-MODEL-INVENTED", calls=5)
def copied(wrong: Wrong) -> None:
    usual = Store.restart

    def copy(self: Store, job_id: str, *more: Any) -> Job:
        before = self.get(job_id)
        found = usual(self, job_id, *more)
        if before.stop_request:
            with self._durable():
                self._put(replace(before, job_id=f"{job_id[:-2]}-{job_id[-1]}"))
        return found

    wrong.patch(Store, "restart", copy)
