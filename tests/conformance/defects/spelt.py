"""Servers that take the same for something else, and something else for the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import webob

from compute_ref.assets.requests import AssetRequest
from compute_ref.http import compute, identities, restarts
from compute_ref.http.compute import ComputeResource
from compute_ref.http.parameters import body, query, query_or_body
from compute_ref.identity.callers import Caller
from compute_ref.jobs.model import Job
from compute_ref.refusals import Malformed, Refused
from tests.conformance.defects.defect import Wrong, defect
from tests.conformance.defects.restart import repeating

SIGNED = {"consumerAddress", "jobId", "documentId", "nonce", "signature"}


@defect("empty-document-is-a-filter-of-stops", "CE-STOP-EMPTY-IS-ABSENT", calls=2)
def empty_is_a_filter(wrong: Wrong) -> None:
    _stops(wrong, lambda req: req.params.get("documentId") == "")


@defect("null-document-is-a-filter-of-stops", "CE-STOP-EMPTY-IS-ABSENT", calls=2)
def null_is_a_filter(wrong: Wrong) -> None:
    said: dict[str, Any] = {}

    def note(request: webob.Request) -> None:
        said.clear()
        if request.method == "PUT" and request.body:
            said.update(json.loads(request.body))

    wrong.requests(note)
    _stops(wrong, lambda req: "documentId" in said and said["documentId"] is None)


def _stops(wrong: Wrong, malformed: Any) -> None:
    """Refuse the documentId of a stop where `malformed` says so of its request."""

    def strict(req: Any, most: int) -> dict[str, Any]:
        told = query_or_body(req, most)
        if req.method == "PUT" and malformed(req):
            raise Malformed({"documentId": ["Not a DID."]})
        return told

    wrong.patch(compute, "query_or_body", strict)


@defect("stop-refuses-what-it-does-not-know", "CE-STOP-OCEAN-JS", calls=2)
def stop_is_strict(wrong: Wrong) -> None:
    def strict(req: Any, most: int) -> dict[str, Any]:
        told = query_or_body(req, most)
        if req.method == "PUT" and "agreementId" in told.keys() - SIGNED:
            raise Malformed({"agreementId": ["Unknown field."]})
        return told

    wrong.patch(compute, "query_or_body", strict)


@defect("revocation-by-query-alone", "CE-TOKEN-REVOKE-BODY", calls=2)
def revocation_by_query(wrong: Wrong) -> None:
    wrong.patch(identities, "query_or_body", lambda req, _: query(req))


# Restarts


@defect("restart-compares-texts", "CE-RESTART-SPELT", calls=3)
def restart_compares_texts(wrong: Wrong) -> None:
    """A restart's algorithm has to be written as that of the start was."""
    texts: dict[str, str] = {}
    said: list[str] = []
    start, restart = ComputeResource._start, ComputeResource._restart

    def noted(req: Any, most: int) -> dict[str, Any]:
        told = body(req, most)
        said[:] = [json.dumps(told.get("algorithm"))]
        return told

    def kept(self: Any, *more: Any) -> Job:
        job = start(self, *more)
        texts[job.job_id] = said[0]
        return job

    def compared(self: Any, job_id: str, wanted: Any, caller: Caller) -> Job:
        own = self._own(caller.address, job_id) and "algorithm" in wanted
        if own and texts.get(job_id) != said[0]:
            raise Refused({"jobId": "restart_differs"})
        return restart(self, job_id, wanted, caller)

    wrong.patch(compute, "body", noted)
    wrong.patch(ComputeResource, "_start", kept)
    wrong.patch(ComputeResource, "_restart", compared)


@defect("restart-loses-further-datasets", "CE-RESTART-INPUTS", calls=3)
def further_lost(wrong: Wrong) -> None:
    usual = Job.run_again

    def run_again(self: Job, at: float, agreement_id: str) -> Job:
        return replace(usual(self, at, agreement_id), input_dids=self.input_dids[:1])

    wrong.patch(Job, "run_again", run_again)


@defect("restart-ignores-other-userdata", "CE-RESTART-OTHER-USERDATA", calls=3)
def ignores_userdata(wrong: Wrong) -> None:
    usual = restarts._again

    def careless(new: AssetRequest, old: AssetRequest) -> AssetRequest:
        return usual(replace(new, userdata=old.userdata), old)

    wrong.patch(restarts, "_again", careless)


@defect("restart-ignores-another-environment", "CE-RESTART-OTHER-USERDATA", calls=3)
def ignores_environment(wrong: Wrong) -> None:
    repeating(wrong, "environment")


# Lists


@defect("limit-before-the-document", "CE-LIST-LIMIT-NARROWED", calls=3)
def limit_first(wrong: Wrong) -> None:
    _found(wrong, lambda jobs, asked: [job for job in jobs if _fits(job, asked)], "documentId")


@defect("offset-counts-deleted-jobs", "CE-LIST-PAGES-DELETED", calls=6)
def offset_counts_deleted(wrong: Wrong) -> None:
    deleted: list[str] = []

    def note(request: webob.Request, response: webob.Response) -> None:
        if request.method == "DELETE" and response.status_int == 200:
            deleted.append(request.GET.get("consumerAddress", ""))

    def moved(request: webob.Request) -> None:
        offset = int(request.GET.get("offset") or 0)
        if request.method == "GET" and offset and request.path.endswith("/compute"):
            gone = deleted.count(request.GET.get("consumerAddress", ""))
            request.query_string = request.query_string.replace(
                f"offset={offset}", f"offset={max(0, offset - gone)}"
            )

    wrong.answers(note)
    wrong.requests(moved)


def _fits(job: Mapping[str, Any], asked: str) -> bool:
    return job.get("documentId") == asked


def _found(wrong: Wrong, kept: Any, name: str) -> None:
    """Look without this parameter, and leave out of what is found what does not fit it."""

    def loosen(request: webob.Request) -> None:
        if request.method == "GET" and request.path.endswith("/compute") and "limit" in request.GET:
            request.environ["asked.for"] = request.GET.get(name, "")
            pairs = [(key, value) for key, value in request.GET.items() if key != name]
            request.query_string = "&".join(f"{key}={value}" for key, value in pairs)

    def narrow(request: webob.Request, response: webob.Response) -> None:
        asked = request.environ.get("asked.for")
        if asked and response.status_int == 200:
            response.body = json.dumps(kept(json.loads(response.body), asked)).encode()

    wrong.answers(narrow)
    wrong.requests(loosen)
