"""Servers that show a job to others than its owner, or less than the whole to its owner."""

from __future__ import annotations

from typing import Any

import webob

from compute_ref.assets.ddo import public_ddo
from compute_ref.http import beside, compute, status
from compute_ref.http.compute import ComputeResource
from compute_ref.http.result import ResultResource
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.tokens import Tokens
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import FinishReason, Job
from compute_ref.refusals import JobUnknown, Refused, SignatureInvalid
from tests.conformance.defects.defect import Kind, Wrong, defect

Shown = dict[str, Any]


@defect("failed-job-is-shown-whole", "CE-LIFE-FAILED-PRIVATE", kind=Kind.SECURITY, calls=3)
def failed_is_shown_whole(wrong: Wrong) -> None:
    usual = status.status_object

    def whole(job: Job, view: status.View, *more: Any) -> Shown:
        failed = job.finish_reason is FinishReason.FAILED
        return usual(job, view._replace(signed=view.signed or failed), *more)

    wrong.patch(status, "status_object", whole)


@defect("failed-job-tells-its-exit-code", "CE-LIFE-FAILED-PRIVATE", kind=Kind.SECURITY, calls=3)
def failed_tells_its_code(wrong: Wrong) -> None:
    def tell(_: webob.Request, job: Shown) -> None:
        if job.get("finishReason") == FinishReason.FAILED:
            job.setdefault("algorithmExitCode", 1)

    wrong.jobs(tell)


@defect("failed-job-has-no-log-url", "CE-LIFE-FAILED-LOG-URL", kind=Kind.SHAPE, calls=3)
def failed_without_log_url(wrong: Wrong) -> None:
    def leave_out(_: webob.Request, job: Shown) -> None:
        if job.get("finishReason") == FinishReason.FAILED and "algorithmLogUrl" in job:
            job["algorithmLogUrl"] = ""

    wrong.jobs(leave_out)


@defect("wrong-token-is-overlooked", "CE-TOKEN-STATUS-REFUSED", calls=3)
def wrong_token_overlooked(wrong: Wrong) -> None:
    usual = ComputeResource._reader

    def reader(self: Any, req: Any, wanted: Any) -> Caller | None:
        try:
            return usual(self, req, wanted)
        except SignatureInvalid:
            if wanted.get("signature"):
                raise
            return None

    wrong.patch(compute.ComputeResource, "_reader", reader)


def _stored(wrong: Wrong, call: str) -> None:
    """Say nothing of caches where this call comes with a token."""

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        by_token = request.headers.get("AuthToken") and "signature" not in request.GET
        if by_token and request.method == "GET" and request.path.endswith(call):
            response.headers.pop("Cache-Control", None)

    wrong.answers(rewrite)


@defect("look-by-token-is-stored", "CE-TOKEN-ANSWERS-NO-STORE", kind=Kind.SECURITY, calls=3)
def look_is_stored(wrong: Wrong) -> None:
    _stored(wrong, "/compute")


@defect("download-by-token-is-stored", "CE-TOKEN-ANSWERS-NO-STORE", kind=Kind.SECURITY, calls=3)
def download_is_stored(wrong: Wrong) -> None:
    _stored(wrong, "/computeResult")


# Tokens that have expired


def _unexpired(self: Callers, sender: Credentials) -> bool:
    """Whether a token comes in place of a signature and is its consumer's, at whatever time."""
    if sender.signature or not sender.token:
        return False
    try:
        return bool(self._tokens._claims(sender.token)["address"] == sender.address)
    except Refused:
        return False


@defect("expired-token-opens-a-look", "CE-TOKEN-EXPIRED", kind=Kind.SECURITY, calls=5)
def expired_look(wrong: Wrong) -> None:
    usual = Callers.reading

    def reading(self: Callers, sender: Credentials, *more: Any) -> Caller | None:
        if _unexpired(self, sender):
            return Caller(sender.address, None, by_token=True)
        return usual(self, sender, *more)

    wrong.patch(Callers, "reading", reading)


@defect("expired-token-opens-a-download", "CE-TOKEN-EXPIRED", kind=Kind.SECURITY, calls=6)
def expired_download(wrong: Wrong) -> None:
    usual, good = ResultResource._answer, Tokens.opens

    def opens(self: Tokens, token: str, address: str) -> bool:
        try:
            return bool(self._claims(token)["address"] == address)
        except Refused:
            return False

    def answer(self: Any, *request: Any, **how: Any) -> None:
        Tokens.opens = opens  # type: ignore[method-assign]
        try:
            usual(self, *request, **how)
        finally:
            Tokens.opens = good  # type: ignore[method-assign]

    wrong.patch(ResultResource, "_answer", answer)


# Downloads that name no job


def _unnamed(wrong: Wrong, *, everybodys: bool) -> None:
    """Take the newest job, of whomever, or in whatever state it is."""
    usual = ResultResource._job

    def job(self: Any, caller: Caller, job_id: str) -> Job:
        if job_id or not caller.by_token:
            return usual(self, caller, job_id)
        wanted = JobFilter(owner=None if everybodys else caller.address)
        found = [job for job in self._its.store.find(wanted) if job.final or not everybodys]
        if not found:
            raise JobUnknown
        newest: Job = found[0]
        return newest

    wrong.patch(ResultResource, "_job", job)


@defect("token-result-of-anybody", "CE-TOKEN-LATEST", kind=Kind.SECURITY, calls=7)
def result_of_anybody(wrong: Wrong) -> None:
    _unnamed(wrong, everybodys=True)


@defect("token-result-of-a-running-job", "CE-TOKEN-LATEST", calls=8)
def result_of_a_running_job(wrong: Wrong) -> None:
    _unnamed(wrong, everybodys=False)


@defect("document-with-files-of-further-services", "CE-BESIDE-DDO-FILES", kind=Kind.SECURITY)
def files_of_further_services(wrong: Wrong) -> None:
    def first_alone(ddo: Any, endpoint: str) -> Shown:
        shown = public_ddo(ddo, endpoint)
        files = [service["files"] for service in ddo["services"]]
        for service, its in list(zip(shown["services"], files, strict=True))[1:]:
            service["files"] = its
        return shown

    wrong.patch(beside, "public_ddo", first_alone)
