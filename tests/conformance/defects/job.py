"""Servers whose status objects are wrong."""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import webob

from compute_ref.http import compute, status
from compute_ref.jobs import workspace
from compute_ref.jobs.model import Job
from tests.conformance.defects.defect import COMPUTE, Kind, Wrong, defect
from tests.conformance.defects.makers import finished, shows

OTHER: Final = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


def makes(
    name: str, requirement: str, change: Callable[[Job], Job], kind: Kind, calls: int
) -> None:
    """Register a server that makes each new job so."""

    def apply(wrong: Wrong) -> None:
        made = compute.new_job
        wrong.patch(compute, "new_job", lambda *about: change(made(*about)))

    defect(name, requirement, kind=kind, calls=calls)(apply)


def iso(at: float) -> str:
    """A date as the page's examples have it."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def dates(name: str, requirement: str, shown: Callable[[float], object]) -> None:
    """Register a server that writes all dates so."""

    def apply(wrong: Wrong) -> None:
        wrong.patch(status, "seconds", shown)

    defect(name, requirement, kind=Kind.SHAPE)(apply)


@defect("job-one-bare-object", "CE-JOB-OBJECT", kind=Kind.SHAPE, calls=2)
def one_bare_object(wrong: Wrong) -> None:
    def unwrap(request: webob.Request, response: webob.Response) -> None:
        alone = request.method == "GET" and "jobId" in request.GET
        if request.path == COMPUTE and alone and response.status_int == 200:
            response.json = (response.json or [None])[0]

    wrong.answers(unwrap)


@defect("job-id-with-dashes-later", "CE-JOB-ID", kind=Kind.SHAPE, calls=2)
def id_with_dashes_later(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if request.method == "GET":
            job["jobId"] = "-".join((job["jobId"][:8], job["jobId"][8:]))

    wrong.jobs(change)


def of_asset(job: Job) -> Job:
    """A job whose id is made of who starts what."""
    digest = sha256(f"{job.owner}{job.document_id}".encode()).hexdigest()
    return replace(job, job_id=f"{digest[:31]}k")


COUNT: Final = itertools.count(1)
COUNTING: Final = threading.Lock()


def counted(job: Job) -> Job:
    """A job whose id is a row's number."""
    with COUNTING:
        return replace(job, job_id=f"{next(COUNT):031d}k")


makes("job-id-of-asset", "CE-JOB-ID-UNIQUE", of_asset, Kind.BEHAVIOUR, 2)
makes("job-id-counted", "CE-JOB-ID-SECRET", counted, Kind.SECURITY, 2)
makes(
    "job-inputs-only-main",
    "CE-JOB-INPUTS-ALL",
    lambda job: replace(job, input_dids=job.input_dids[:1]),
    Kind.BEHAVIOUR,
    1,
)
makes(
    "job-inputs-further-first",
    "CE-JOB-INPUTS-ALL",
    lambda job: replace(job, input_dids=job.input_dids[:1] + job.input_dids[:0:-1] * 2),
    Kind.BEHAVIOUR,
    1,
)

shows(
    "job-status-text-number",
    "CE-JOB-STATUS-INTEGER",
    lambda job: job.update(status=f"{job['status']}"),
)
shows(
    "job-status-text-of-program",
    "CE-JOB-STATUS-TEXT",
    lambda job: job.update(statusText=job["statusText"].upper().replace(" ", "_")),
)
shows("job-without-status-text", "CE-JOB-STATUS-TEXT", lambda job: job.pop("statusText"))
shows(
    "job-status-text-padded",
    "CE-JOB-STATUS-TEXT-PAGE",
    lambda job: job.update(statusText=job["statusText"] + " "),
    calls=2,
)
shows(
    "job-owner-is-provider",
    "CE-JOB-OWNER",
    lambda job: job.update(owner=OTHER),
)
shows(
    "job-owner-lower-case",
    "CE-JOB-OWNER-CHECKSUM",
    lambda job: job.update(owner=job["owner"].lower()),
)

dates("job-dates-iso", "CE-JOB-CREATED-NUMBER", iso)
dates("job-dates-milliseconds", "CE-JOB-CREATED-UNIX", lambda at: f"{at * 1000:.0f}")
dates("job-dates-with-exponents", "CE-JOB-CREATED-TEXT", lambda at: f"{at:.15e}")
shows(
    "job-created-is-changed",
    "CE-JOB-CREATED-KEPT",
    lambda job: job.update(dateCreated=job["statusHistory"][-1]["at"]),
    calls=2,
)
finished("job-finished-iso", "CE-JOB-FINISHED-NUMBER", iso)
finished("job-finished-with-exponent", "CE-JOB-FINISHED-TEXT", lambda at: f"{at:.15e}")
finished("job-finished-other-zone", "CE-JOB-FINISHED-ORDER", lambda at: f"{at - 7200:.6f}")
finished("job-finished-milliseconds", "CE-JOB-FINISHED-UNIX", lambda at: f"{at * 1000:.0f}")
shows(
    "job-finished-zero",
    "CE-JOB-FINISHED-NULL",
    lambda job: job.update(dateFinished=job["dateFinished"] or "0"),
)

shows("job-inputs-a-text", "CE-JOB-INPUTS", lambda job: job.update(inputDID=job["inputDID"][0]))
shows("job-without-document", "CE-JOB-DOCUMENT", lambda job: job.pop("documentId"))
shows("job-raw-is-null", "CE-JOB-ALGORITHM-RAW", lambda job: job.update(algoDID=None))
shows(
    "job-raw-is-empty",
    "CE-JOB-ALGORITHM-RAW-WORD",
    lambda job: job.update(algoDID="" if job["algoDID"] == "raw" else job["algoDID"]),
)
shows(
    "job-algorithm-without-prefix",
    "CE-JOB-ALGORITHM-DID",
    lambda job: job.update(algoDID=job["algoDID"].removeprefix("did:op:")),
)
shows("job-agreement-is-id", "CE-JOB-AGREEMENT", lambda job: job.update(agreementId=job["jobId"]))
shows("job-stopreq-boolean", "CE-JOB-STOPREQ", lambda job: job.update(stopreq=bool(job["stopreq"])))
shows("job-removed-null", "CE-JOB-REMOVED", lambda job: job.update(removed=job["removed"] or None))
shows("job-environment-nameless", "CE-JOB-ENVIRONMENT", lambda job: job.update(environment=None))


@defect("job-id-padded", "CE-JOB-ID-URL")
def id_padded(wrong: Wrong) -> None:
    made = compute.new_job

    def padded(*about: Any) -> Job:
        job = made(*about)
        return replace(job, job_id=f"{job.job_id[:-2]}+=")

    wrong.patch(workspace, "JOB_ID", re.compile(r"[^/]+"))
    wrong.patch(compute, "new_job", padded)


@defect("job-agreement-of-algorithm", "CE-JOB-AGREEMENT-MAIN")
def agreement_of_algorithm(wrong: Wrong) -> None:
    wrong.patch(compute, "main_order", lambda plan: plan.orders[-1].transaction)
