"""Servers that start jobs wrongly."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import webob

from compute_ref.assets.plan import Plan
from compute_ref.http import compute
from compute_ref.http.compute import ComputeResource
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.jobs.model import Job
from compute_ref.refusals import SignatureInvalid
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect
from tests.conformance.defects.makers import posted

Body = dict[str, Any]


# What an accepted start answers


@defect("start-answers-a-bare-object", "CE-START-ONE-OBJECT", kind=Kind.SHAPE)
def start_answers_a_bare_object(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.method == "POST" and request.path == COMPUTE and response.status_int == 200:
            response.body = json.dumps(response.json[0]).encode()

    wrong.answers(rewrite)


@defect("start-answers-nothing-where-the-store-fails", "CE-START-ONE-OBJECT", kind=Kind.SHAPE)
def start_answers_nothing(wrong: Wrong) -> None:
    shown = ComputeResource._shown

    def forgetful(self: Any, req: Any, jobs: Any, **view: Any) -> Any:
        return "[]" if req.method == "POST" else shown(self, req, jobs, **view)

    wrong.patch(ComputeResource, "_shown", forgetful)


@defect("job-id-is-a-number", "CE-START-JOB-ID", kind=Kind.SHAPE)
def job_id_is_a_number(wrong: Wrong) -> None:
    def change(request: webob.Request, job: Body) -> None:
        job["jobId"] = int(job["jobId"][:8], 16)

    wrong.jobs(change)


@defect("job-id-is-made-of-owner-and-dataset", "CE-START-JOB-ID-UNIQUE", calls=2)
def job_id_is_made_of_owner_and_dataset(wrong: Wrong) -> None:
    new_job = compute.new_job

    def same(plan: Plan, owner: str, now: float) -> Job:
        job = new_job(plan, owner, now)
        return replace(job, job_id=f"{owner[2:22]}{plan.datasets[0].document_id[7:18]}z".lower())

    wrong.patch(compute, "new_job", same)


@defect("start-shows-a-later-status", "CE-START-STATUS")
def start_shows_a_later_status(wrong: Wrong) -> None:
    posted(wrong, status=20, statusText="Configuring volumes")


@defect("start-shows-its-status-as-text", "CE-START-STATUS", kind=Kind.SHAPE)
def start_shows_its_status_as_text(wrong: Wrong) -> None:
    posted(wrong, status="1")


@defect("date-finished-is-zero-at-first", "CE-START-UNFINISHED", kind=Kind.SHAPE)
def date_finished_is_zero(wrong: Wrong) -> None:
    posted(wrong, dateFinished="0")


@defect("date-finished-is-left-out-at-first", "CE-START-UNFINISHED", kind=Kind.SHAPE)
def date_finished_is_left_out(wrong: Wrong) -> None:
    def change(request: webob.Request, job: Body) -> None:
        if job["dateFinished"] is None:
            del job["dateFinished"]

    wrong.jobs(change)


@defect("owner-is-the-provider", "CE-START-OWNER")
def owner_is_the_provider(wrong: Wrong) -> None:
    posted(wrong, owner="0x6813Eb9362372EEF6200f3b1dbC3f819671cBA69")


@defect("document-id-is-the-algorithm", "CE-START-DOCUMENT-ID")
def document_id_is_the_algorithm(wrong: Wrong) -> None:
    def change(request: webob.Request, job: Body) -> None:
        job["documentId"] = job["algoDID"]

    wrong.jobs(change)


@defect("results-are-announced-at-the-start", "CE-START-NO-RESULTS", kind=Kind.SHAPE)
def results_are_announced(wrong: Wrong) -> None:
    log = {"filename": "algorithm.log", "filesize": 0, "type": "algorithmLog", "index": 0}
    posted(wrong, results=[log])


@defect("job-is-seen-only-at-a-second-look", "CE-START-SEEN-AT-ONCE", calls=2)
def job_is_seen_only_later(wrong: Wrong) -> None:
    seen: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        job_id = request.GET.get("jobId")
        if request.method == "GET" and request.path == COMPUTE and job_id and job_id not in seen:
            seen.add(job_id)
            response.body = b"[]"

    wrong.answers(rewrite)


@defect("address-is-compared-by-letter", "CE-START-ADDRESS-CASE")
def address_is_compared_by_letter(wrong: Wrong) -> None:
    spending = Callers.spending

    def exact(self: Any, sender: Credentials, *parts: str) -> Caller:
        if sender.consumer_address != sender.address:
            raise SignatureInvalid
        return spending(self, sender, *parts)

    wrong.patch(Callers, "spending", exact)
