"""Servers whose status objects of final jobs are wrong."""

from __future__ import annotations

from typing import Any

import webob

from compute_ref.http import compute, status
from compute_ref.http.status import View
from compute_ref.jobs import publishing
from compute_ref.jobs.model import Job, Result
from compute_ref.jobs.turn import Turn
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.makers import shows


def each_result(name: str, requirement: str, **changes: Any) -> None:
    """Register a server that changes each result: a callable is given its former value."""

    def change(job: dict[str, Any]) -> None:
        for one in job["results"]:
            one.update({key: value(one[key]) for key, value in changes.items()})

    shows(name, requirement, change, calls=2)


shows("job-results-null", "CE-JOB-RESULTS", lambda job: job.update(results=job["results"] or None))
shows(
    "job-results-by-name-for-the-owner",
    "CE-JOB-RESULTS-LIST",
    lambda job: (
        "resultsUrls" in job
        and job["results"]
        and job.update(results={one["filename"]: one for one in job["results"]})
    ),
    calls=3,
)
each_result("job-result-nameless", "CE-JOB-RESULT-NAME", filename=lambda name: None)
each_result("job-result-size-text", "CE-JOB-RESULT-SIZE", filesize=str)
each_result("job-result-size-kilobytes", "CE-JOB-RESULT-SIZE", filesize=lambda size: size / 1024)
each_result(
    "job-result-type-spelled-well",
    "CE-JOB-RESULT-TYPE",
    type=lambda kind: kind.replace("configration", "configuration"),
)
each_result("job-result-index-from-one", "CE-JOB-RESULT-INDEX", index=lambda index: index + 1)
shows(
    "job-results-did-null",
    "CE-JOB-RESULTS-DID",
    lambda job: job.update(resultsDid=None) if "resultsDid" in job else None,
    calls=3,
)
shows(
    "job-urls-singular",
    "CE-JOB-URLS",
    lambda job: job.update(resultsUrl=job.pop("resultsUrls", [])),
    calls=3,
)


@defect("job-results-only-signed", "CE-JOB-RESULTS-SHOWN", calls=2)
def results_only_signed(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if request.method == "GET" and "signature" not in request.GET:
            job["results"] = []

    wrong.jobs(change)


@defect("job-logs-first", "CE-JOB-RESULT-LOGS-LAST", calls=2)
def logs_first(wrong: Wrong) -> None:
    usual = publishing._stored

    def stored(turn: Turn, outputs: tuple[Result, ...]) -> tuple[Result, ...]:
        found = usual(turn, outputs)
        return (*found[len(outputs) :], *outputs)

    wrong.patch(publishing, "_stored", stored)


@defect("job-private-to-all", "CE-JOB-PRIVATE", kind=Kind.SECURITY, calls=2)
def private_to_all(wrong: Wrong) -> None:
    wrong.patch(compute, "View", lambda base, signed, expired: View(base, True, expired))


@defect("job-digests-to-all", "CE-JOB-DIGESTS-PRIVATE", kind=Kind.SECURITY, calls=2)
def digests_to_all(wrong: Wrong) -> None:
    usual = status._result

    def shown(index: int, result: Result, view: View) -> dict[str, Any]:
        return usual(index, result, View(view.base, True, view.expired))

    wrong.patch(status, "_result", shown)


@defect("job-urls-relative", "CE-JOB-LOG-URL", kind=Kind.SHAPE, calls=3)
def urls_relative(wrong: Wrong) -> None:
    wrong.patch(compute, "base_url", lambda request, settings: "")


@defect("job-log-url-of-first", "CE-JOB-LOG-URL-USABLE", calls=3)
def log_url_of_first(wrong: Wrong) -> None:
    shown = status._private

    def private(job: Job, results: tuple[Result, ...], view: View) -> dict[str, Any]:
        found = shown(job, results, view)
        return {**found, "algorithmLogUrl": (found["resultsUrls"] or [""])[0]}

    wrong.patch(status, "_private", private)


@defect("job-urls-without-index", "CE-JOB-URLS-USABLE", calls=3)
def urls_without_index(wrong: Wrong) -> None:
    def change(_: webob.Request, job: dict[str, Any]) -> None:
        if "resultsUrls" in job:
            job["resultsUrls"] = [url.replace("index=", "i=") for url in job["resultsUrls"]]

    wrong.jobs(change)


@defect("job-urls-with-signature", "CE-JOB-URLS-BARE", kind=Kind.SECURITY, calls=3)
def urls_with_signature(wrong: Wrong) -> None:
    def change(request: webob.Request, job: dict[str, Any]) -> None:
        if signature := request.GET.get("signature"):
            urls = job.get("resultsUrls", [])
            job["resultsUrls"] = [f"{url}&signature={signature}" for url in urls]

    wrong.jobs(change)
