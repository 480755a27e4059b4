"""Servers that give a good caller what is another's."""

from __future__ import annotations

from typing import Any

import falcon
import jwt

from compute_ref.http import compute
from compute_ref.http.compute import ComputeResource
from compute_ref.http.result import ResultResource
from compute_ref.identity.callers import Caller
from compute_ref.identity.tokens import Tokens
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Job
from compute_ref.refusals import JobUnknown
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.stop import going_on


def looks(wrong: Wrong, change: Any) -> None:
    """Let `change` alter what GET compute looks for, a dictionary; ASKED has the request."""
    asked.listen(wrong)

    def wanted(*told: Any, **named: Any) -> JobFilter:
        if "agreement_id" in named:
            change(named)
        return JobFilter(*told, **named)

    wrong.patch(compute, "JobFilter", wanted)


@defect("any-signature-opens-any-job", "CE-SIGN-STATUS-FOREIGN", kind=Kind.SECURITY, calls=3)
def any_signature(wrong: Wrong) -> None:
    def change(named: dict[str, Any]) -> None:
        if "signature" in asked.ASKED.said and named["job_id"]:
            named["owner"] = None

    looks(wrong, change)


@defect("any-token-opens-any-job", "CE-TOKEN-FOREIGN-RESULT", kind=Kind.SECURITY, calls=4)
def any_token(wrong: Wrong) -> None:
    def change(named: dict[str, Any]) -> None:
        if asked.ASKED.headers.get("Authtoken") and named["job_id"]:
            named["owner"] = None

    looks(wrong, change)


@defect("lists-show-urls", "CE-LIST-PRIVATE", kind=Kind.SECURITY, calls=3)
def lists_show_urls(wrong: Wrong) -> None:
    asked.listen(wrong)
    usual = ComputeResource._shown

    def shown(self: ComputeResource, req: falcon.Request, jobs: Any, **how: Any) -> Any:
        if "jobId" not in asked.ASKED.said:
            how["signed"] = True
        return usual(self, req, jobs, **how)

    wrong.patch(ComputeResource, "_shown", shown)


@defect("lists-of-datasets-show-urls", "CE-LIST-PRIVATE", kind=Kind.SECURITY, calls=3)
def lists_of_datasets_show_urls(wrong: Wrong) -> None:
    asked.listen(wrong)
    usual = ComputeResource._shown

    def shown(self: ComputeResource, req: falcon.Request, jobs: Any, **how: Any) -> Any:
        if set(asked.ASKED.said) == {"documentId"}:
            how["signed"] = True
        return usual(self, req, jobs, **how)

    wrong.patch(ComputeResource, "_shown", shown)


@defect("orders-open-every-list", "CE-LIST-AGREEMENT-OTHERS", calls=2)
def orders_open_every_list(wrong: Wrong) -> None:
    def change(named: dict[str, Any]) -> None:
        if named["agreement_id"] and not named["job_id"]:
            named["owner"] = None

    looks(wrong, change)


@defect("job-ids-are-patterns", "CE-LIST-EXACT", kind=Kind.SECURITY, calls=2)
def patterns(wrong: Wrong) -> None:
    def change(named: dict[str, Any]) -> None:
        if "%" in (named["job_id"] or ""):
            named["job_id"] = None

    looks(wrong, change)


@defect("job-ids-are-put-into-sql", "CE-LIST-EXACT", kind=Kind.SECURITY, calls=2)
def conditions(wrong: Wrong) -> None:
    def change(named: dict[str, Any]) -> None:
        if "' OR " in (named["job_id"] or ""):
            named["job_id"] = named["owner"] = None

    looks(wrong, change)


@defect("stop-of-a-dataset-stops-everybodys", "CE-STOP-DOCUMENT-OWN", kind=Kind.SECURITY, calls=3)
def stops_everybodys(wrong: Wrong) -> None:
    def found(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        return [
            job
            for job in self._its.store.unfinished()
            if document_id == job.document_id or (not document_id and job.owner == caller.address)
        ]

    going_on(wrong, found)


@defect("token-stops-any-job", "CE-TOKEN-FOREIGN-STOP", kind=Kind.SECURITY, calls=3)
def token_stops_any(wrong: Wrong) -> None:
    by_token_alone(wrong, asked.STOP)


@defect("token-deletes-any-job", "CE-TOKEN-FOREIGN-STOP", kind=Kind.SECURITY, calls=3)
def token_deletes_any(wrong: Wrong) -> None:
    by_token_alone(wrong, asked.DELETE)


def by_token_alone(wrong: Wrong, call: str) -> None:
    """Do not ask whose the job is where the caller came by token."""
    asked.listen(wrong)
    usual = ComputeResource._meant

    def meant(self: ComputeResource, caller: Caller, job_id: str, document_id: str) -> list[Job]:
        if caller.by_token and job_id and asked.ASKED.call == call:
            return self._its.store.find(JobFilter(job_id, None, document_id or None))
        return usual(self, caller, job_id, document_id)

    wrong.patch(ComputeResource, "_meant", meant)


@defect("token-downloads-from-any-job", "CE-TOKEN-FOREIGN-RESULT", kind=Kind.SECURITY, calls=4)
def token_downloads_any(wrong: Wrong) -> None:
    usual = ResultResource._job

    def found(self: ResultResource, caller: Caller, job_id: str) -> Job:
        if not (caller.by_token and job_id):
            return usual(self, caller, job_id)
        jobs = self._its.store.find(JobFilter(job_id=job_id))
        if not jobs:
            raise JobUnknown
        return jobs[-1]

    wrong.patch(ResultResource, "_job", found)


def lenient(wrong: Wrong, *calls: str) -> None:
    """Take tokens of anybody in these calls."""
    asked.listen(wrong)
    usual = Tokens.opens

    def opens(self: Tokens, token: str, address: str) -> bool:
        if asked.ASKED.call not in calls:
            return usual(self, token, address)
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return False
        return usual(self, token, str(claims.get("address")))

    wrong.patch(Tokens, "opens", opens)


@defect("anybodys-token-downloads", "CE-TOKEN-OTHERS-RESULT", kind=Kind.SECURITY, calls=4)
def anybodys_token_downloads(wrong: Wrong) -> None:
    lenient(wrong, asked.RESULT)


@defect("anybodys-token-looks-closer", "CE-TOKEN-OTHERS-RESULT", kind=Kind.SECURITY, calls=4)
def anybodys_token_looks(wrong: Wrong) -> None:
    lenient(wrong, asked.STATUS)


def unrevoked(wrong: Wrong, call: str) -> None:
    """Do not ask in this call whether a token was revoked."""
    asked.listen(wrong)
    usual = Tokens._good

    def good(self: Tokens, token: str, address: str) -> Any:
        if asked.ASKED.call != call:
            return usual(self, token, address)
        claims = self._claims(token)
        if claims["address"] == address and claims["exp"] > self._clock.now():
            return claims
        return usual(self, token, address)

    wrong.patch(Tokens, "_good", good)


def revoked(name: str, call: str) -> None:
    """Register a server that takes revoked tokens in this call."""

    def apply(wrong: Wrong) -> None:
        unrevoked(wrong, call)

    defect(name, "CE-TOKEN-REVOKE-EVERYWHERE", kind=Kind.SECURITY, calls=4)(apply)


revoked("revoked-token-starts", asked.START)
revoked("revoked-token-deletes", asked.DELETE)
revoked("revoked-token-downloads", asked.RESULT)
revoked("revoked-token-looks-closer", asked.STATUS)
