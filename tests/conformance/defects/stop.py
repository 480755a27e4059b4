"""Servers that stop the wrong jobs, or none."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import webob

from compute_ref.assets.plan import Plan
from compute_ref.http import compute
from compute_ref.http.compute import ComputeResource
from compute_ref.http.parameters import query, query_or_body
from compute_ref.http.status import Acknowledged
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.jobs import publishing, running
from compute_ref.jobs.endings import Ending
from compute_ref.jobs.engine import Engine
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.lane import Lane
from compute_ref.jobs.mailbox import Mailbox
from compute_ref.jobs.model import Job, Result, StopRequest
from compute_ref.jobs.provisioning import Provisioner
from compute_ref.jobs.turn import Turn
from compute_ref.refusals import JobUnknown
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.makers import answers, shows

Find = Callable[[ComputeResource, Caller, str, str], list[Job]]
USUAL: Find = ComputeResource._meant


def meant(wrong: Wrong, method: str, found: Find) -> None:
    """Let calls by one method be about the jobs that `found` gives."""
    asked = threading.local()

    def remember(request: webob.Request) -> None:
        asked.method = request.method

    def jobs(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        find = found if asked.method == method else USUAL
        return find(self, caller, job_id, document_id)

    wrong.requests(remember)
    wrong.patch(ComputeResource, "_meant", jobs)


def anybodys(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
    """The job of the id, whosever it is."""
    if not job_id:
        return USUAL(self, caller, job_id, document_id)
    return self._its.store.find(JobFilter(job_id, None, document_id or None))


def by_id_alone(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
    """The caller's job of the id, whatever its dataset."""
    return USUAL(self, caller, job_id, "" if job_id else document_id)


def going_on(wrong: Wrong, found: Find) -> None:
    """Let a stop without a jobId be about the jobs that `found` gives."""

    def jobs(self: ComputeResource, caller: Caller, document_id: str) -> list[Job]:
        return found(self, caller, "", document_id)

    wrong.patch(ComputeResource, "_going_on", jobs)


answers(
    "stop-answers-nothing",
    "CE-STOP-ANSWER",
    lambda request, response: request.method == "PUT" and response.status_int == 200,
    200,
    [],
    calls=2,
)
answers(
    "stop-answers-success",
    "CE-STOP-ANSWER",
    lambda request, response: request.method == "PUT" and response.status_int == 200,
    200,
    {"success": "Job stopped"},
    calls=2,
)
answers(
    "stop-unknown-is-a-fault",
    "CE-STOP-UNKNOWN",
    lambda request, response: request.method == "PUT" and response.status_int == 404,
    500,
    {"error": "list index out of range"},
)
shows("stop-forgets-request", "CE-STOP-STOPREQ", lambda job: job.update(stopreq=0), calls=3)
shows(
    "stop-ends-as-data-failed",
    "CE-STOP-COMPLETED",
    lambda job: (
        job["stopreq"]
        and job["status"] == 70
        and job.update(status=31, statusText="Data provisioning failed")
    ),
    calls=3,
)
shows(
    "stop-reason-completed",
    "CE-STOP-TOLD",
    lambda job: job["finishReason"] == "stopped" and job.update(finishReason="completed"),
    calls=5,
)


def only_query(method: str) -> Callable[[Wrong], None]:
    """A server that reads the query string alone in this method."""

    def parameters(request: Any, most: int) -> dict[str, Any]:
        return query(request) if request.method == method else query_or_body(request, most)

    return lambda wrong: wrong.patch(compute, "query_or_body", parameters)


defect("stop-not-by-body", "CE-STOP-BODY", calls=2)(only_query("PUT"))


@defect("stop-code-of-old", "CE-STOP-CODE", kind=Kind.SHAPE, calls=2)
def code_of_old(wrong: Wrong) -> None:
    wrong.patch(compute, "STOPPED", Acknowledged(5, "Job finished"))


@defect("stop-answers-as-if-not-asked", "CE-STOP-STATUS", kind=Kind.SHAPE, calls=2)
def as_if_not_asked(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if job["status"] == 7:
            job.update(status=40, statusText="Running algorithm", stopreq=0)

    wrong.jobs(change)


@defect("stop-code-is-kept", "CE-STOP-GET", calls=3)
def code_is_kept(wrong: Wrong) -> None:
    seen: Counter[str] = Counter()

    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if request.method == "GET" and job["stopreq"]:
            seen[job["jobId"]] += 1
            if seen[job["jobId"]] == 1:
                job.update(status=7, statusText="Job stopped", dateFinished=None)

    wrong.jobs(change)


@defect("stop-only-a-flag", "CE-STOP-ENDS", calls=3)
def only_a_flag(wrong: Wrong) -> None:
    wrong.patch(Engine, "stop", lambda self, job_ids: None)


@defect("stop-without-log", "CE-STOP-LOG", calls=4)
def without_log(wrong: Wrong) -> None:
    usual = publishing._published

    def published(turn: Turn, outputs: tuple[Result, ...]) -> tuple[Result, ...]:
        found = usual(turn, outputs)
        return () if turn.job.stop_request is StopRequest.ASKED else found

    wrong.patch(publishing, "_published", published)


@defect("stop-only-while-running", "CE-STOP-EARLY", calls=3)
def only_while_running(wrong: Wrong) -> None:
    usual, ask = Provisioner.data, Mailbox.ask_stop

    def slow(self: Provisioner, plan: Plan, *about: Any) -> None:
        if "stay" in plan.algorithm.rawcode:  # long enough for a stop to come before it runs
            time.sleep(0.2)
        usual(self, plan, *about)

    def ignored(self: Mailbox) -> None:
        if self._alive:
            ask(self)

    wrong.patch(Provisioner, "data", slow)
    wrong.patch(Mailbox, "ask_stop", ignored)


@defect("stop-without-signature", "CE-STOP-UNSIGNED", kind=Kind.SECURITY, calls=2)
def without_signature(wrong: Wrong) -> None:
    usual = Callers.stopping

    def stopping(self: Callers, sender: Credentials, *about: Any) -> Caller:
        if not sender.signature and not sender.token:
            return Caller(sender.address, None)
        return usual(self, sender, *about)

    wrong.patch(compute, "unless_token", lambda request, *names: ())
    wrong.patch(Callers, "stopping", stopping)


@defect("stop-of-anybody", "CE-STOP-OTHERS", kind=Kind.SECURITY, calls=2)
def of_anybody(wrong: Wrong) -> None:
    meant(wrong, "PUT", anybodys)


@defect("stop-all-of-everybody", "CE-STOP-ALL-OWN", kind=Kind.SECURITY, calls=3)
def all_of_everybody(wrong: Wrong) -> None:
    going_on(wrong, lambda self, caller, job_id, document_id: self._its.store.unfinished())


@defect("stop-all-is-the-newest", "CE-STOP-ALL", calls=4)
def all_is_the_newest(wrong: Wrong) -> None:
    usual = ComputeResource._going_on

    def newest(self: ComputeResource, caller: Caller, _: str, document_id: str) -> list[Job]:
        return usual(self, caller, document_id)[-1:]

    going_on(wrong, newest)


@defect("stop-ignores-document", "CE-STOP-DOCUMENT", calls=4)
def ignores_document(wrong: Wrong) -> None:
    usual = ComputeResource._going_on
    going_on(wrong, lambda self, caller, job_id, document_id: usual(self, caller, ""))


@defect("stop-ends-again", "CE-STOP-FINAL", calls=4)
def ends_again(wrong: Wrong) -> None:
    usual = Job.stop_asked

    def asked(self: Job, request: StopRequest) -> Job:
        return replace(self, finished=time.time()) if self.final else usual(self, request)

    wrong.patch(Job, "stop_asked", asked)


@defect("stop-flag-on-final", "CE-STOP-FINAL-STOPREQ", calls=4)
def flag_on_final(wrong: Wrong) -> None:
    wrong.patch(Job, "stop_asked", lambda self, request: replace(self, stop_request=request))


@defect("stop-throws-outputs-away", "CE-STOP-OUTPUTS", calls=3)
def throws_outputs_away(wrong: Wrong) -> None:
    wrong.patch(running, "Ending", partial(Ending, sound=False))


@defect("stop-by-id-alone", "CE-STOP-MISMATCH", calls=2)
def stop_by_id_alone(wrong: Wrong) -> None:
    meant(wrong, "PUT", by_id_alone)


@defect("stop-not-in-the-queue", "CE-STOP-QUEUED", calls=10)
def not_in_the_queue(wrong: Wrong) -> None:
    wrong.patch(Lane, "withdraw", lambda self, ticket: False)


@defect("stop-not-twice", "CE-STOP-TWICE", calls=3)
def not_twice(wrong: Wrong) -> None:
    def found(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        jobs = USUAL(self, caller, job_id, document_id)
        if any(job.stop_request for job in jobs):
            raise JobUnknown
        return jobs

    meant(wrong, "PUT", found)
