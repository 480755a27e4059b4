"""Jobs as the JSON documents that the store keeps, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compute_ref.jobs.model import (
    FinishReason,
    Job,
    Moment,
    Passage,
    Result,
    ResultType,
    Status,
    StopRequest,
)


def to_document(job: Job) -> dict[str, Any]:
    """`job` in plain JSON values, names as on the wire where the wire has them."""
    return {
        "jobId": job.job_id,
        "owner": job.owner,
        "documentId": job.document_id,
        "agreementId": job.agreement_id,
        "environment": job.environment,
        "algoDID": job.algo_did,
        "inputDID": list(job.input_dids),
        "created": job.created,
        "run": job.run,
        "status": int(job.status),
        "finished": job.finished,
        "stopreq": int(job.stop_request),
        "finishReason": job.finish_reason,
        "finishMessage": job.finish_message,
        "exitCode": job.exit_code,
        "results": [[r.filename, r.filesize, r.type, r.sha256, r.path] for r in job.results],
        "resultsDid": job.results_did,
        "resultsExpired": job.results_expired,
        "history": [[p.run, int(p.status), p.at] for p in job.history],
        "launched": job.launched,
        "attempts": job.attempts,
        "runningSince": _moment(job.running_since),
        "deleting": job.deleting,
    }


def from_document(document: Mapping[str, Any]) -> Job:
    """The job that :func:`to_document` wrote."""
    reason, since = document["finishReason"], document["runningSince"]
    return Job(
        job_id=document["jobId"],
        owner=document["owner"],
        document_id=document["documentId"],
        agreement_id=document["agreementId"],
        environment=document["environment"],
        algo_did=document["algoDID"],
        input_dids=tuple(document["inputDID"]),
        created=document["created"],
        run=document["run"],
        status=Status(document["status"]),
        finished=document["finished"],
        stop_request=StopRequest(document["stopreq"]),
        finish_reason=None if reason is None else FinishReason(reason),
        finish_message=document["finishMessage"],
        exit_code=document["exitCode"],
        results=tuple(
            Result(name, size, ResultType(kind), sha256, path)
            for name, size, kind, sha256, path in document["results"]
        ),
        results_did=document["resultsDid"],
        results_expired=document["resultsExpired"],
        history=tuple(Passage(run, Status(code), at) for run, code, at in document["history"]),
        launched=document["launched"],
        attempts=document["attempts"],
        running_since=None if since is None else Moment(*since),
        deleting=document["deleting"],
    )


def _moment(moment: Moment | None) -> list[Any] | None:
    return None if moment is None else [moment.wall, moment.boot, moment.ticks]
