"""The status object of a final job: its results, and what only its owner sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.checks.job import is_integer, started
from compute_conformance.consumers import RESULT
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import Inconclusive, Unsupported, elected, expect, given

TYPES: Final = ("output", "algorithmLog", "configrationLog", "filteringLog", "publishLog")
PRIVATE: Final = ("algorithmLogUrl", "resultsUrls", "resultsDid")
CREDENTIALS: Final = {"signature", "nonce", "authtoken", "token"}


def results(bench: Bench) -> list[Mapping[str, Any]]:
    """The results of a job that ended; there has to be one."""
    return _entries(bench.specimen().final)


def _entries(job: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = job.get("results")
    if not found or not isinstance(found, list) or not all(isinstance(o, dict) for o in found):
        raise Inconclusive("a list of results", job)
    return found


@check("CE-JOB-RESULTS")
def none_yet(bench: Bench) -> None:
    """The first look at a job."""
    found = started(bench).get("results")
    expect(isinstance(found, list) or found == "", "a list or an empty text", found)


@check("CE-JOB-RESULTS-LIST")
def none_yet_is_a_list(bench: Bench) -> None:
    """Every look at a job until its end, and one by its owner."""
    its = bench.specimen()
    for job in (*its.course, its.signed):
        found = job.get("results")
        elected(isinstance(found, list), found == "", "a list", found)


@check("CE-JOB-RESULTS-SHOWN")
def shown_unsigned(bench: Bench) -> None:
    """An unsigned look at a job that ended."""
    found = bench.specimen().final.get("results")
    expect(isinstance(found, list) and found, "a list of results, a log at least", found)


@check("CE-JOB-RESULT-NAME")
def names(bench: Bench) -> None:
    """Every result of a job that ended."""
    for one in results(bench):
        found = one.get("filename")
        expect(isinstance(found, str) and found, "a filename", one)


@check("CE-JOB-RESULT-SIZE")
def sizes(bench: Bench) -> None:
    """Every result of a job that ended."""
    for one in results(bench):
        found = one.get("filesize")
        expect(isinstance(found, int | float), "a filesize, a number", one)
        expect(is_integer(found) and int(found or 0) >= 0, "a filesize in bytes", one)


@check("CE-JOB-RESULT-TYPE")
def types(bench: Bench) -> None:
    """Every result of a job that ended."""
    for one in results(bench):
        expect(one.get("type") in TYPES, f"one of {', '.join(TYPES)}", one)


@check("CE-JOB-RESULT-LOGS-LAST")
def logs_last(bench: Bench) -> None:
    """The types of a job's results, in their order."""
    are_logs = [one.get("type") != "output" for one in results(bench)]
    expect(are_logs == sorted(are_logs), "all outputs before all logs", are_logs)


@check("CE-JOB-RESULT-INDEX")
def indices(bench: Bench) -> None:
    """The index of every result of a job that ended."""
    found = [one.get("index") for one in results(bench)]
    expect(found == list(range(len(found))), "0, 1, 2, …", found)


@check("CE-JOB-PRIVATE")
def private(bench: Bench) -> None:
    """The members of an unsigned look at a job that ended."""
    job = bench.specimen().final
    found = {name: job[name] for name in PRIVATE if name in job}
    expect(not found, f"none of {', '.join(PRIVATE)}", found)


@check("CE-JOB-LOG-URL")
def log_url(bench: Bench) -> None:
    """A signed look at a job that ended."""
    job = bench.specimen().signed
    if all(one.get("type") != "algorithmLog" for one in _entries(job)):
        raise Inconclusive("a log among the results", job)
    found = job.get("algorithmLogUrl")
    expect(absolute(found), "an absolute URL", found)


@check("CE-JOB-LOG-URL-USABLE")
def log_url_usable(bench: Bench) -> None:
    """A download at that URL with a fresh signature, compared with the log among the results."""
    one = bench.specimen()
    job = one.signed
    logs = [i for i, entry in enumerate(_entries(job)) if entry.get("type") == "algorithmLog"]
    if not logs or not absolute(job.get("algorithmLogUrl")):
        raise Inconclusive("a log, and an absolute URL of it", job)
    content = bench.fetched(one, logs[0])
    answer = _at(one.started, job["algorithmLogUrl"])
    if answer.status != 200:
        _given_again(one.started, logs[0])
    expect(answer.status == 200, "the log", answer)
    expect(answer.body == content, f"{content!r}", answer)


def _given_again(one: Started, index: int) -> None:
    """Inconclusive where a result that was given once is not given again by its index either."""
    with given("one more download by the index"):
        answer = one.consumer.result(one.job_id, index)
        expect(answer.status == 200, f"result {index}", answer)


@check("CE-JOB-URLS")
def urls(bench: Bench) -> None:
    """A signed look at a job that ended."""
    job = bench.specimen().signed
    found = job.get("resultsUrls")
    expect(isinstance(found, list) and all(map(absolute, found)), "a list of absolute URLs", found)
    expect(len(found or ()) == len(_entries(job)), "a URL for each result", found)


@check("CE-JOB-URLS-USABLE")
def urls_usable(bench: Bench) -> None:
    """A download at each URL with a fresh signature, compared with that of the same index."""
    one = bench.specimen()
    found = one.signed.get("resultsUrls")
    if not isinstance(found, list) or not found or not all(map(absolute, found)):
        raise Inconclusive("absolute URLs", one.signed)
    for index, url in enumerate(found):
        content, answer = bench.fetched(one, index), _at(one.started, url)
        if answer.status != 200:
            _given_again(one.started, index)
        expect(answer.status == 200, f"result {index}", answer)
        expect(answer.body == content, f"result {index}: {content!r}", answer)


@check("CE-JOB-URLS-BARE")
def urls_bare(bench: Bench) -> None:
    """The names of the URLs' parameters."""
    job = bench.specimen().signed
    found = [url for url in _all_urls(job) if CREDENTIALS & {name.lower() for name in _query(url)}]
    expect(not found, "URLs without credentials", found)


@check("CE-JOB-RESULTS-DID")
def results_did(bench: Bench) -> None:
    """A signed look at a job that ended."""
    found = bench.specimen().signed.get("resultsDid")
    expect(isinstance(found, str), "a text, empty where nothing was published", found)


@check("CE-JOB-DIGESTS-PRIVATE")
def digests_private(bench: Bench) -> None:
    """The members of an unsigned look at a job that ended, and of its results."""
    told = digests_in(bench.specimen().final)
    expect(not told, "neither digest nor exit code", told)


def digests_in(job: Mapping[str, Any]) -> list[str]:
    """What a status object has that would confirm a guess about private results."""
    keys, parts = ("sha256", "algorithmExitCode"), (job, *_entries(job))
    return [key for one in parts for key in keys if key in one]


def absolute(url: object) -> bool:
    """Whether it is a URL that says where it leads."""
    parts = urlsplit(url) if isinstance(url, str) else None
    return parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)


def _all_urls(job: Mapping[str, Any]) -> list[str]:
    found = [job.get("algorithmLogUrl"), *(job.get("resultsUrls") or ())]
    if not all(map(absolute, found)):
        raise Inconclusive("absolute URLs", job)
    return [str(url) for url in found]


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def _at(one: Started, url: str) -> Answer:
    """The answer at a URL of this API to the job's owner, who signs what it says."""
    if not urlsplit(url).path.endswith(RESULT):
        raise Unsupported("a URL of computeResult", url)
    consumer = one.consumer
    told = {"consumerAddress": consumer.address, "jobId": "", "index": "0", **_query(url)}

    def signed() -> Request:
        parts = consumer.signed(told["consumerAddress"], told["jobId"], told["index"])
        return Request("GET", RESULT, query={**told, **parts})

    return consumer.ask(signed)
