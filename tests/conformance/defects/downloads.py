"""Servers that give results to others than their owners."""

from __future__ import annotations

from dataclasses import replace

import falcon

from compute_ref.http import result
from compute_ref.http.result import ResultResource
from compute_ref.identity.callers import Caller
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.ledger import Ledger
from compute_ref.jobs.model import Job
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.signatures import any_own_job, implied_nonce


@defect("result-unsigned", "CE-SIGN-RESULT-MISSING", kind=Kind.SECURITY, calls=3)
def unsigned(wrong: Wrong) -> None:
    asked.unsigned(wrong, asked.RESULT)


@defect("result-signed-by-anybody", "CE-SIGN-RESULT-OTHER-ACCOUNT", kind=Kind.SECURITY, calls=3)
def by_anybody(wrong: Wrong) -> None:
    asked.unverified(wrong, asked.RESULT)


@defect("result-of-anybody", "CE-RESULT-OTHERS", kind=Kind.SECURITY, calls=3)
def of_anybody(wrong: Wrong) -> None:
    right = ResultResource._job

    def job(self: ResultResource, caller: Caller, job_id: str) -> Job:
        for one in self._its.store.find(JobFilter(job_id=job_id)) if job_id else ():
            return one
        return right(self, caller, job_id)

    wrong.patch(ResultResource, "_job", job)


@defect("result-signed-for-any-job", "CE-SIGN-RESULT-OTHER-JOB", kind=Kind.SECURITY, calls=4)
def any_job(wrong: Wrong) -> None:
    any_own_job(wrong, asked.RESULT)


@defect("result-signed-for-any-index", "CE-SIGN-RESULT-OTHER-INDEX", kind=Kind.SECURITY, calls=3)
def any_index(wrong: Wrong) -> None:
    asked.tried(
        wrong, asked.RESULT, lambda job, _, nonce: [(job, str(n), nonce) for n in range(20)]
    )


@defect(
    "result-signed-for-implied-nonce", "CE-SIGN-RESULT-OTHER-NONCE", kind=Kind.SECURITY, calls=3
)
def implied(wrong: Wrong) -> None:
    implied_nonce(wrong, asked.RESULT)


@defect("result-nonce-not-kept", "CE-NONCE-RESULT-REPLAY", kind=Kind.SECURITY, calls=4)
def nonce_not_kept(wrong: Wrong) -> None:
    asked.free(wrong, asked.RESULT)


@defect("result-paid-before-it-is-refused", "CE-NONCE-RESULT-REFUSED", calls=4)
def paid_first(wrong: Wrong) -> None:
    asked.paid_first(wrong, asked.RESULT)


@defect("result-head-uses-nonce-up", "CE-NONCE-RESULT-HEAD", calls=4)
def head_pays(wrong: Wrong) -> None:
    def head(self: ResultResource, req: falcon.Request, resp: falcon.Response) -> None:
        self.on_get(req, resp)
        getattr(resp.stream, "close", bool)()  # falcon reads none for HEAD

    wrong.patch(ResultResource, "on_head", head)


@defect("result-without-job-by-signature", "CE-RESULT-JOB-MISSING", kind=Kind.SECURITY, calls=3)
def without_job(wrong: Wrong) -> None:
    right = ResultResource._job

    def job(self: ResultResource, caller: Caller, job_id: str) -> Job:
        return right(self, replace(caller, by_token=True), job_id)

    wrong.patch(ResultResource, "_job", job)
    asked.not_needed(wrong, "jobId")


@defect("result-message-forgotten", "CE-SIGN-RESULT-AS-DELETE", kind=Kind.SECURITY, calls=4)
def forgotten(wrong: Wrong) -> None:
    wrong.patch(result, "AMBIGUOUS_FROM", 10**9)


@defect(
    "result-message-kept-for-other-calls", "CE-SIGN-RESULT-SHIFTED", kind=Kind.SECURITY, calls=4
)
def kept_for_others(wrong: Wrong) -> None:
    right = Ledger.used

    def used(self: Ledger, digest: str) -> bool:
        return asked.ASKED.call != asked.RESULT and right(self, digest)

    asked.listen(wrong)
    wrong.patch(Ledger, "used", used)
