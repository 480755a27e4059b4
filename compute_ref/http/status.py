"""A job as clients see it: the status object (the page's table and reading R15)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from compute_ref.jobs.model import Job, Result, ResultType


class View(NamedTuple):
    """How to show: `base` is this server's URL; `signed` shows what only the owner may see."""

    base: str
    signed: bool
    expired: bool = False


class Acknowledged(NamedTuple):
    """The code with which PUT and DELETE acknowledge (reading R8)."""

    code: int
    text: str


STOPPED = Acknowledged(7, "Job stopped")
DELETED = Acknowledged(8, "Job deleted successfully")


def status_object(job: Job, view: View, acknowledged: Acknowledged | None = None) -> dict[str, Any]:
    """One element of the arrays that the compute calls answer with."""
    deleted = acknowledged is DELETED
    results = () if view.expired or deleted else job.results
    shown = {
        "owner": job.owner,
        "documentId": job.document_id,
        "jobId": job.job_id,
        "agreementId": job.agreement_id,
        "environment": job.environment,
        "dateCreated": seconds(job.created),
        "dateFinished": None if job.finished is None else seconds(job.finished),
        "status": acknowledged.code if acknowledged else int(job.status),
        "statusText": acknowledged.text if acknowledged else job.status.text,
        "stopreq": int(job.stop_request),
        "removed": int(deleted),
        "algoDID": job.algo_did,
        "inputDID": list(job.input_dids),
        "results": [_result(index, result, view) for index, result in enumerate(results)],
        "finishReason": job.finish_reason,
        "statusHistory": [
            {
                "run": p.run,
                "status": int(p.status),
                "statusText": p.status.text,
                "at": seconds(p.at),
            }
            for p in job.history
        ],
    }
    if view.expired:
        shown["resultsExpired"] = True
    return {**shown, **_private(job, results, view)} if view.signed else shown


def status_text(job: Job, view: View, acknowledged: Acknowledged | None = None) -> str:
    """The same as JSON."""
    return json.dumps(status_object(job, view, acknowledged), ensure_ascii=False)


def array(texts: Iterable[str]) -> str:
    """A JSON array of values that are JSON already."""
    return f"[{', '.join(texts)}]"


def seconds(at: float) -> str:
    """Unix seconds as the decimal text that clients parse (reading R6)."""
    return f"{at:.6f}"


def _result(index: int, result: Result, view: View) -> dict[str, Any]:
    shown = {
        "filename": result.filename,
        "filesize": result.filesize,
        "type": result.type,
        "index": index,
    }
    return {**shown, "sha256": result.sha256} if view.signed else shown


def _private(job: Job, results: tuple[Result, ...], view: View) -> dict[str, Any]:
    urls = [_url(job, index, view) for index in range(len(results))]
    log = next((i for i, r in enumerate(results) if r.type is ResultType.ALGORITHM_LOG), None)
    return {
        "algorithmLogUrl": "" if log is None else urls[log],
        "resultsUrls": urls,
        "resultsDid": job.results_did,
        "finishMessage": job.finish_message,
        "algorithmExitCode": job.exit_code,
    }


def _url(job: Job, index: int, view: View) -> str:
    query = urlencode({"jobId": job.job_id, "index": index, "consumerAddress": job.owner})
    return f"{view.base}/api/services/computeResult?{query}"
