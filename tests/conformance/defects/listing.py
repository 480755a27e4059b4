"""Servers that find the wrong jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import webob

from compute_ref.http import compute, parameters
from compute_ref.identity import callers
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.jobs import index
from compute_ref.jobs.index import JobFilter, JobIndex
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect
from tests.conformance.defects.makers import answers


def finds(
    name: str,
    requirement: str,
    change: Callable[[JobFilter], JobFilter],
    *,
    kind: Kind = Kind.BEHAVIOUR,
    calls: int = 2,
) -> None:
    """Register a server whose GET compute looks for something else than it was asked for."""

    def changed(*told: Any, **named: Any) -> JobFilter:
        wanted = JobFilter(*told, **named)
        return change(wanted) if "agreement_id" in named else wanted

    def apply(wrong: Wrong) -> None:
        wrong.patch(compute, "JobFilter", changed)

    defect(name, requirement, kind=kind, calls=calls)(apply)


def asks(request: webob.Request, *names: str) -> bool:
    """Whether a GET has these parameters and no others."""
    return request.method == "GET" and set(request.GET) == set(names)


finds(
    "list-of-everybody",
    "CE-LIST-OTHERS",
    lambda wanted: wanted if wanted.job_id else replace(wanted, owner=None),
    kind=Kind.SECURITY,
    calls=3,
)
finds(
    "list-job-of-anybody",
    "CE-LIST-NARROW-OWNER",
    lambda wanted: replace(wanted, owner=None) if wanted.job_id else wanted,
)
finds(
    "list-ignores-document",
    "CE-LIST-DOCUMENT",
    lambda wanted: replace(wanted, document_id=None) if wanted.owner else wanted,
    calls=3,
)
finds(
    "list-ignores-document-of-job",
    "CE-LIST-NARROW-DOCUMENT",
    lambda wanted: replace(wanted, document_id=None) if wanted.job_id else wanted,
)
finds(
    "list-ignores-agreement",
    "CE-LIST-AGREEMENT",
    lambda wanted: replace(wanted, agreement_id=None) if wanted.owner else wanted,
    calls=3,
)

answers(
    "list-unknown-is-a-fault",
    "CE-LIST-UNKNOWN",
    lambda request, response: "jobId" in request.GET and response.body == b"[]",
    503,
    {"error": "list index out of range"},
)
answers(
    "list-job-needs-address",
    "CE-LIST-JOB",
    lambda request, _: asks(request, "jobId"),
    400,
    {"error": "consumerAddress"},
    calls=2,
)
answers(
    "list-document-needs-address",
    "CE-LIST-DOCUMENT-ALONE",
    lambda request, _: asks(request, "documentId"),
    400,
    {"error": "consumerAddress"},
    calls=2,
)
answers("list-of-nothing-asked", "CE-LIST-NONE", lambda request, _: asks(request), 200, [])
answers(
    "list-empty-is-unknown",
    "CE-LIST-EMPTY",
    lambda request, response: asks(request, "consumerAddress") and response.body == b"[]",
    404,
    {"error": "no jobs"},
)
answers(
    "list-address-is-a-fault",
    "CE-LIST-ADDRESS",
    lambda request, response: asks(request, "consumerAddress") and response.status_int == 400,
    503,
    {"error": "not a valid address"},
)
answers(
    "list-address-not-checked",
    "CE-LIST-ADDRESS",
    lambda request, response: asks(request, "consumerAddress") and response.status_int == 400,
    200,
    [],
)
answers(
    "list-did-is-a-fault",
    "CE-LIST-DID",
    lambda request, response: asks(request, "documentId") and response.status_int == 400,
    500,
    {"error": "not a valid DID"},
)
answers(
    "list-head-without-checks",
    "CE-LIST-HEAD",
    lambda request, _: request.method == "HEAD",
    200,
    [],
    calls=2,
)


@defect("list-only-newest", "CE-LIST-OWNER", calls=3)
def only_newest(wrong: Wrong) -> None:
    def narrow(request: webob.Request) -> None:
        if request.path == COMPUTE and asks(request, "consumerAddress"):
            request.GET["limit"] = "1"

    wrong.requests(narrow)


@defect("list-signature-without-document", "CE-LIST-OCEAN-PY", calls=2)
def signature_without_document(wrong: Wrong) -> None:
    usual = Callers.reading

    def reading(self: Callers, sender: Credentials, job_id: str, _: str) -> Caller | None:
        return usual(self, sender, job_id, "")

    wrong.patch(Callers, "reading", reading)


@defect("list-order-needs-0x", "CE-LIST-OCEAN-JS", calls=2)
def order_needs_0x(wrong: Wrong) -> None:
    wrong.patch(index, "order_name", lambda transaction: transaction)


@defect("list-order-in-lower-case", "CE-LIST-AGREEMENT-CASE", calls=2)
def order_in_lower_case(wrong: Wrong) -> None:
    wrong.patch(index, "order_name", lambda order: order if order[:2] == "0x" else f"0x{order}")


@defect("list-agreement-is-no-document", "CE-LIST-OCEAN-JS-DID", calls=2)
def agreement_is_no_document(wrong: Wrong) -> None:
    usual = JobIndex.find

    def find(self: JobIndex, wanted: JobFilter) -> Iterator[str]:
        did = (wanted.agreement_id or "").startswith("did:")
        return iter(()) if did else usual(self, wanted)

    wrong.patch(JobIndex, "find", find)


@defect("list-owner-unknown-parameter", "CE-LIST-SYNONYM", calls=2)
def owner_unknown(wrong: Wrong) -> None:
    others = {key: value for key, value in parameters.SYNONYMS.items() if key != "owner"}
    wrong.patch(parameters, "SYNONYMS", others)


@defect("list-owner-by-letter", "CE-LIST-OWNER-CASE", calls=2)
def owner_by_letter(wrong: Wrong) -> None:
    wrong.patch(compute, "checksum_address", lambda address: address)


@defect("list-first-owner-wins", "CE-LIST-OWNER-TWICE", calls=2)
def first_owner_wins(wrong: Wrong) -> None:
    def drop(request: webob.Request) -> None:
        if request.path == COMPUTE and "consumerAddress" in request.GET:
            request.GET.pop("owner", None)

    wrong.requests(drop)


@defect("list-signed-for-ever", "CE-LIST-SIGNATURE", kind=Kind.SECURITY, calls=2)
def signed_for_ever(wrong: Wrong) -> None:
    usual = Callers.reading

    def reading(self: Callers, sender: Credentials, job_id: str, did: str) -> Caller | None:
        if sender.signature and not job_id:
            digest = callers._proven(sender, did, sender.nonce)
            return Caller(sender.address, None, digest)
        return usual(self, sender, job_id, did)

    wrong.patch(Callers, "reading", reading)


@defect("list-oldest-first", "CE-LIST-NEWEST", calls=4)
def oldest_first(wrong: Wrong) -> None:
    usual = JobIndex.find

    def find(self: JobIndex, wanted: JobFilter) -> Iterator[str]:
        return reversed(list(usual(self, wanted)))

    wrong.patch(JobIndex, "find", find)


def windows(
    name: str, requirement: str, of: Callable[[Sequence[Job], int, int], list[Job]]
) -> None:
    """Register a server that takes another part of a list than `limit` and `offset` say."""
    usual = Store.find

    def find(self: Store, wanted: JobFilter, limit: int = 1000, offset: int = 0) -> list[Job]:
        return of(usual(self, wanted, 10**9), limit, offset)

    def apply(wrong: Wrong) -> None:
        wrong.patch(Store, "find", find)

    defect(name, requirement, calls=3)(apply)


windows(
    "list-limit-keeps-oldest",
    "CE-LIST-LIMIT",
    lambda jobs, limit, offset: list(jobs[offset:][-limit:]),
)
windows(
    "list-offset-counts-pages",
    "CE-LIST-OFFSET",
    lambda jobs, limit, offset: list(jobs[offset * limit : (offset + 1) * limit]),
)
windows(
    "list-offset-from-one",
    "CE-LIST-OFFSET",
    lambda jobs, limit, offset: (
        list(jobs[max(offset - 1, 0) : offset + limit])
        if offset > 1
        else list(jobs[offset : offset + limit])
    ),
)
