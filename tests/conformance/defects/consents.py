"""Servers that do more than their caller signed."""

from __future__ import annotations

import json
import threading
from typing import Any

import webob

from compute_ref.http import result
from compute_ref.http.compute import ComputeResource
from compute_ref.identity.addresses import checksum_address
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.signatures import message_digest, recover
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.refusals import SignatureInvalid
from tests.conformance.defects import asked
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect


@defect("delete-signed-without-document", "CE-SIGN-DELETE-OTHER-DOCUMENT", kind=Kind.SECURITY)
def delete_without_document(wrong: Wrong) -> None:
    asked.tried(wrong, asked.DELETE, lambda job, document, nonce: [(job, nonce)])


@defect("download-signed-without-index", "CE-SIGN-RESULT-WITHOUT-INDEX", kind=Kind.SECURITY)
def download_without_index(wrong: Wrong) -> None:
    asked.tried(wrong, asked.RESULT, lambda job, index, nonce: [(job, nonce)])


@defect(
    "delete-signed-without-nonce",
    "CE-SIGN-DELETE-WITHOUT-NONCE",
    kind=Kind.SECURITY,
    calls=2,
)
def delete_without_nonce(wrong: Wrong) -> None:
    usual = Callers.deleting

    def deleting(self: Callers, sender: Credentials, job_id: str, *more: Any) -> Caller:
        short = sender.consumer_address + job_id
        if job_id and recover(short, sender.signature) == sender.address:
            return Caller(sender.address, None, message_digest(short).hex())
        return usual(self, sender, job_id, *more)

    wrong.patch(Callers, "deleting", deleting)


@defect("delete-paid-before-it-is-refused", "CE-NONCE-REFUSED-DELETE", calls=2)
def delete_paid_first(wrong: Wrong) -> None:
    asked.paid_first(wrong, asked.DELETE)


@defect("downloads-have-nonces-of-their-own", "CE-NONCE-ACROSS", kind=Kind.SECURITY, calls=4)
def counted_apart(wrong: Wrong) -> None:
    """Downloads use up no nonces, and each of theirs is taken once."""
    used: set[tuple[str, str]] = set()
    usual = Callers._fresh

    def fresh(self: Callers, address: str, value: Any) -> None:
        if asked.ASKED.call != asked.RESULT:
            usual(self, address, value)

    def first(self: Callers, sender: Credentials, right: Any) -> Caller:
        caller: Caller = right()
        key = (sender.address, str(sender.nonce))
        if key in used:
            raise SignatureInvalid
        return Caller(caller.address, None, caller.digest)

    def spent(request: webob.Request, response: webob.Response) -> None:
        if asked.ASKED.call == asked.RESULT and response.status_int < 400:
            said = asked.ASKED.said
            used.add((checksum_address(said["consumerAddress"]), str(said.get("nonce"))))

    wrong.patch(Callers, "_fresh", fresh)
    wrong.answers(spent)
    asked.spending(wrong, asked.RESULT, first)


def instead(wrong: Wrong, other: Any) -> None:
    """Let a delete be of the job that `other` finds in the request, where it finds one."""
    told = threading.local()
    usual = ComputeResource._meant

    def note(request: webob.Request) -> None:
        told.job = other(request) if request.method == "DELETE" else None

    def meant(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        return usual(self, caller, getattr(told, "job", None) or job_id, document_id)

    wrong.requests(note)
    wrong.patch(ComputeResource, "_meant", meant)


@defect("delete-proven-by-query-done-by-body", "CE-DELETE-TWO-PLACES", kind=Kind.SECURITY, calls=3)
def done_by_body(wrong: Wrong) -> None:
    def other(request: webob.Request) -> Any:
        if not request.GET or not request.body:
            return None
        try:
            return json.loads(request.body).get("jobId")
        except (ValueError, AttributeError, RecursionError):
            return None

    instead(wrong, other)


def one_of_two(name: str, proven: int, done: int) -> None:
    """Register a server that reads jobId twice: the proof from one place, the deed from another."""

    def apply(wrong: Wrong) -> None:
        def other(request: webob.Request) -> Any:
            jobs = request.GET.getall("jobId")
            if len(jobs) < 2:
                return None
            request.GET["jobId"] = jobs[proven]
            return jobs[done]

        instead(wrong, other)

    defect(name, "CE-DELETE-TWO-NAMES", kind=Kind.SECURITY, calls=3)(apply)


one_of_two("delete-of-the-last-of-two-names", 0, -1)
one_of_two("delete-of-the-first-of-two-names", -1, 0)


def overridden(name: str, method: Any) -> None:
    """Register a server that takes its method from elsewhere."""

    def rewrite(request: webob.Request) -> None:
        told = method(request)
        if told and request.path == COMPUTE:
            request.environ["REQUEST_METHOD"] = told

    def apply(wrong: Wrong) -> None:
        wrong.requests(rewrite)

    defect(name, "CE-HTTP-METHOD-OVERRIDE", kind=Kind.SECURITY, calls=3)(apply)


overridden("method-by-header", lambda request: request.headers.get("X-HTTP-Method-Override"))
overridden("method-by-parameter", lambda request: request.GET.get("_method"))


@defect("head-needs-no-signature", "CE-RESULT-HEAD-MISSING", kind=Kind.SECURITY, calls=3)
def head_unsigned(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        download = request.path.endswith("/computeResult")
        if request.method == "HEAD" and download and "signature" not in request.GET:
            response.status_int = 200

    wrong.answers(rewrite)


@defect("unchanged-needs-no-signature", "CE-RESULT-CONDITION-MISSING", kind=Kind.SECURITY, calls=4)
def unchanged_unsigned(wrong: Wrong) -> None:
    _kept(wrong, "If-None-Match", 304)


@defect("parts-come-from-a-cache", "CE-RESULT-CONDITION-MISSING", kind=Kind.SECURITY, calls=4)
def parts_from_a_cache(wrong: Wrong) -> None:
    _kept(wrong, "Range", 206)


def _kept(wrong: Wrong, header: str, status: int) -> None:
    """Answer from what was sent before, by job and index alone, to requests with this header."""
    sent: dict[tuple[str, ...], bytes] = {}

    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if not request.path.endswith("/computeResult"):
            return
        key = tuple(request.GET.get(name, "") for name in ("jobId", "index"))
        if response.status_int == 200:
            sent[key] = response.body
        elif header in request.headers and "signature" not in request.GET and key in sent:
            response.status_int, response.body = status, sent[key][:2]

    wrong.answers(rewrite)


@defect("job-id-is-a-path", "CE-RESULT-PATH", kind=Kind.SECURITY, calls=4)
def job_id_is_a_path(wrong: Wrong) -> None:
    def wanted(*told: Any, **named: Any) -> JobFilter:
        job_id = named.get("job_id") or ""
        if "/" in job_id:
            named |= {"job_id": job_id.rpartition("/")[2], "owner": None}
        return JobFilter(*told, **named)

    wrong.patch(result, "JobFilter", wanted)


@defect(
    "look-is-leave-to-delete",
    "CE-SIGN-POLL-AS-DELETE",
    kind=Kind.SECURITY,
    calls=4,
)
def reads_are_leave(wrong: Wrong) -> None:
    """The signature of a look is kept as a session of the job."""
    seen: set[str] = set()
    usual = Callers.deleting

    def note(request: webob.Request, response: webob.Response) -> None:
        if request.method == "GET" and response.status_int == 200:
            seen.add(request.GET.get("signature", ""))

    def deleting(self: Callers, sender: Credentials, job_id: str, *more: Any) -> Caller:
        if sender.signature in seen - {""}:
            return Caller(sender.address, None)
        return usual(self, sender, job_id, *more)

    wrong.answers(note)
    wrong.patch(Callers, "deleting", deleting)
