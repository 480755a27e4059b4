"""Servers that go wrong later, when something else is done."""

from __future__ import annotations

from collections import Counter
from typing import Any

import webob

from compute_ref.http.compute import ComputeResource
from compute_ref.identity.callers import Caller
from compute_ref.jobs.model import Job
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect
from tests.conformance.defects.stop import USUAL, meant


@defect("stop-of-one-stops-all", "CE-STOP-ONLY", calls=4)
def stops_all(wrong: Wrong) -> None:
    def found(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        named = USUAL(self, caller, job_id, document_id)
        running = [job for job in USUAL(self, caller, "", "") if not job.final]
        return [*named, *(job for job in running if job not in named)]

    meant(wrong, "PUT", found)


def starts(request: webob.Request, response: webob.Response) -> bool:
    """Whether a start was accepted."""
    call = (request.method, request.path, response.status_int)
    return call == ("POST", COMPUTE, 200)


@defect("stopped-jobs-run-on-after-a-start", "CE-STOP-STAYS", calls=5)
def run_on(wrong: Wrong) -> None:
    begun: Counter[str] = Counter()
    stopped: dict[str, int] = {}

    def count(request: webob.Request, response: webob.Response) -> None:
        if starts(request, response):
            begun[response.json[0]["owner"]] += 1

    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if request.method == "PUT":
            stopped[job["jobId"]] = begun[job["owner"]]
        elif stopped.get(job["jobId"], begun[job["owner"]]) < begun[job["owner"]]:
            job.update(status=40, statusText="Running algorithm", dateFinished=None)

    wrong.answers(count)
    wrong.jobs(change)


@defect("deleted-jobs-come-back", "CE-DELETE-STAYS", calls=5)
def come_back(wrong: Wrong) -> None:
    """The thread of a running job writes its end although the record is gone."""
    ran: dict[str, dict[str, Any]] = {}
    deleted: set[str] = set()
    back: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if request.path != COMPUTE or response.status_int != 200:
            return
        jobs = response.json if response.body else []
        ran.update({job["jobId"]: job for job in jobs if job["status"] == 40})
        if request.method == "DELETE":
            deleted.update(job["jobId"] for job in jobs)
        elif request.method == "POST":
            back.update(deleted & ran.keys())
        elif request.GET.get("jobId") in back and not jobs:
            response.json = [ran[request.GET["jobId"]]]

    wrong.answers(rewrite)


def downloads(request: webob.Request) -> tuple[str, ...] | None:
    """What a download is of, and by whom; None for another call."""
    if not request.path.endswith("/computeResult"):
        return None
    return tuple(request.GET.get(name, "") for name in ("jobId", "index", "consumerAddress"))


def restarted(response: webob.Response) -> list[str]:
    """The id of a job that this start runs again; none of a new one."""
    job = response.json[0]
    return [job["jobId"]] if job["statusHistory"][-1]["run"] > 1 else []


@defect("results-of-the-last-run-stay", "CE-RESTART-OLD-RESULTS", kind=Kind.SECURITY, calls=6)
def last_run_stays(wrong: Wrong) -> None:
    sent: dict[tuple[str, ...], bytes] = {}
    again: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        key = downloads(request)
        if starts(request, response):
            again.update(restarted(response))
        elif key and response.status_int == 200:
            sent[key] = response.body
        elif key in sent and response.status_int == 404 and key[0] in again:
            response.status_int, response.body = 200, sent[key]

    wrong.answers(rewrite)


@defect("logs-of-all-runs-in-one", "CE-RESTART-LOG", calls=5)
def logs_in_one(wrong: Wrong) -> None:
    sent: dict[tuple[str, ...], bytes] = {}
    again: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        key = downloads(request)
        if starts(request, response):
            again.update(restarted(response))
        elif key and response.status_int == 200 and ".log" in response.headerlist.__repr__():
            if key[0] in again:
                response.body = sent.get(key, b"") + response.body
            else:
                sent[key] = response.body

    wrong.answers(rewrite)
