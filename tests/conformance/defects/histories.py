"""More servers that go wrong after a certain history: what a job or an account went through."""

from __future__ import annotations

from collections import Counter
from typing import Any

import webob

from compute_ref.identity import callers
from compute_ref.identity.callers import Credentials
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect
from tests.conformance.defects.stateful import accepted, again, asked

TRUSTED = 4  # accepted calls


@defect("the-next-job-waits-for-a-deleted-run", "CE-MODEL-ENDS", calls=5)
def waits_for_a_deleted_run(wrong: Wrong) -> None:
    """A second run that is deleted never gives its place back to its owner."""
    second: set[str] = set()
    without: set[str] = set()
    stuck: set[str] = set()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        second.add(again(request, response))
        if accepted(request, response, "DELETE"):
            without.update(job["owner"] for job in response.json if job["jobId"] in second)
        elif accepted(request, response, "POST") and not again(request, response):
            stuck.update(job["jobId"] for job in response.json if job["owner"] in without)

    def queued(request: webob.Request, job: dict[str, Any]) -> None:
        if job["jobId"] in stuck:
            job.update(status=1, statusText="Job started", dateFinished=None, results=[])

    wrong.jobs(queued)
    wrong.answers(rewrite)


@defect("a-third-run-writes-behind-the-second", "CE-MODEL-RESULTS", calls=7)
def writes_behind(wrong: Wrong) -> None:
    """The folder of outputs is emptied for the second run alone."""
    runs = Counter[str]()

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        runs[again(request, response)] += 1
        fetched = request.path.endswith("/computeResult") and response.status_int == 200
        if fetched and runs[str(request.GET.get("jobId"))] > 1:
            response.body *= 2

    wrong.answers(rewrite)


@defect("a-second-run-is-taken-for-stopped-already", "CE-MODEL-STOPPED", calls=6)
def stopped_already(wrong: Wrong) -> None:
    """That a stop of all reached a job is kept in mind, also for its next run."""
    stopped: set[str] = set()
    second: set[str] = set()

    def note(request: webob.Request, response: webob.Response) -> None:
        told = asked(request)
        if accepted(request, response, "PUT") and not told.get("jobId"):
            stopped.update(job["jobId"] for job in response.json)
        second.update(stopped & {again(request, response)})

    def overlook(request: webob.Request) -> None:
        path = request.environ["PATH_INFO"]
        if request.method == "PUT" and path == COMPUTE and asked(request).get("jobId") in second:
            request.environ["REQUEST_METHOD"] = "GET"

    wrong.requests(overlook)
    wrong.answers(note)


@defect("who-was-right-often-is-trusted", "CE-MODEL-FORGED", kind=Kind.SECURITY, calls=5)
def trusted(wrong: Wrong) -> None:
    """Signatures are dear: an address that had so many right ones is taken at its word."""
    right = Counter[str]()
    proven = callers._proven

    def mostly(sender: Credentials, *parts: str) -> str:
        if right[sender.address] >= TRUSTED:
            return f"{sender.address} {sender.nonce}"
        found = proven(sender, *parts)
        right[sender.address] += 1
        return found

    wrong.patch(callers, "_proven", mostly)
