"""PUT compute: stopping jobs."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from compute_conformance.bench import FINAL, Bench, Specimen, Started, final
from compute_conformance.checking import check
from compute_conformance.checks.job import TEXTS
from compute_conformance.checks.lifecycle import log_index
from compute_conformance.checks.listing import finds, finds_nothing, ids
from compute_conformance.consumers import COMPUTE
from compute_conformance.exchanges import Answer, Request
from compute_conformance.scripts import write
from compute_conformance.verdicts import (
    Disabled,
    Inconclusive,
    Unsupported,
    elected,
    expect,
    given,
)

STOPPED: Final = 7
EARLY: Final = "early.txt"
LATER: Final = (0.01, 0.1)  #: of the time that an algorithm may take to run
PLACES: Final = 16  #: of an environment that is filled to make a job wait


def stopped(one: Started) -> dict[str, Any]:
    """The job after a stop by its owner; Inconclusive where the stop is refused."""
    with given("a stop of one's own job"):
        return one.consumer.stop(jobId=one.job_id).job()


def halted(bench: Bench) -> Specimen:
    """A job that was stopped while its algorithm ran, from the answer to that to its end."""

    def make(bench: Bench) -> Specimen:
        one = bench.staying(write(EARLY, "early"))
        answered = replace(one, first=stopped(one))
        return Specimen(one, bench.course(answered), bench.signed(one))

    return bench.shared("halted", make).by(bench.send)


def runs_on(bench: Bench, one: Started) -> None:
    """Raise Failed where anybody stopped the job."""
    job = bench.look(one)
    expect(not final(job), "a job that runs on", job)
    expect(job.get("stopreq", 0) == 0, "no request to stop it", job)


def finds_none(answer: Answer) -> None:
    """Raise Failed unless the answer says in one of the ways that there is no such job."""
    if answer.status == 200:
        finds_nothing(answer)
    else:
        answer.refused(400, 401, 403, 404)


@check("CE-STOP-ANSWER")
def answered(bench: Bench) -> None:
    """A stop of a running job, its parameters in the query string."""
    one = bench.staying()
    finds(one.consumer.stop(jobId=one.job_id), one)


@check("CE-STOP-BODY")
def by_body(bench: Bench) -> None:
    """A stop of a job just started, its parameters in the body."""
    one = bench.start()
    request = one.consumer.owned_request("PUT", jobId=one.job_id)
    finds(one.consumer.send(Request("PUT", COMPUTE, json=dict(request.query))), one)


@check("CE-STOP-CODE")
def answered_code(bench: Bench) -> None:
    """The status in the answer to a stop of a running job."""
    found = halted(bench).course[0].get("status")
    expect(found in (STOPPED, *TEXTS), "7 or a code of the table", found)


@check("CE-STOP-STOPREQ")
def stop_request(bench: Bench) -> None:
    """A look at a running job after its stop."""
    found = halted(bench).course[1].get("stopreq")
    expect(found == 1, "1", found)


@check("CE-STOP-ENDS")
def gets_final(bench: Bench) -> None:
    """A running job, from the request to stop it until it is final."""
    one, begun = bench.staying(), time.monotonic()
    _gets_final(bench, one)
    taken, most = time.monotonic() - begun, bench.profile.limits.stop
    expect(taken <= most, f"an end within {most:g} seconds", f"{taken:.1f} seconds")


def _gets_final(bench: Bench, one: Started) -> dict[str, Any]:
    stopped(one)
    return bench.held_to(one, final, "to end after a stop", bench.profile.limits.stop)


@check("CE-STOP-COMPLETED")
def completed(bench: Bench) -> None:
    """The final status of a running job that was stopped."""
    found = halted(bench).final.get("status")
    expect(found == 70, "70", found)


@check("CE-STOP-LOG")
def has_log(bench: Bench) -> None:
    """A download of the log of a running job that was stopped."""
    one = halted(bench)
    index = log_index(one.final)
    expect(index is not None, "an algorithmLog", one.final.get("results"))
    answer = bench.download(one, index or 0)
    expect(answer.status == 200, "the log", answer)


@check("CE-STOP-EARLY")
def early(bench: Bench) -> None:
    """A stop without waiting for the algorithm to run."""
    one = bench.endless()
    job = _gets_final(bench, one)
    expect(job.get("status") in FINAL, "a final status", job)


@check("CE-STOP-UNKNOWN")
def unknown(bench: Bench) -> None:
    """A jobId of digits that were just drawn."""
    finds_nothing(bench.consumer().stop(jobId=f"{secrets.token_hex(15)}xy"))


@check("CE-STOP-UNSIGNED")
def unsigned(bench: Bench) -> None:
    """A stop of a running job with its owner's address and no signature."""
    one = bench.staying()
    told = {"consumerAddress": one.consumer.address, "jobId": one.job_id}
    bench.send(Request("PUT", COMPUTE, query={**told, "nonce": "2"})).refused()
    bench.send(Request("PUT", COMPUTE, query=told)).refused()
    runs_on(bench, one)


@check("CE-STOP-OTHERS")
def of_others(bench: Bench) -> None:
    """A stop of a running job by another consumer."""
    one = bench.staying()
    finds_none(bench.consumer().stop(jobId=one.job_id))
    runs_on(bench, one)


@check("CE-STOP-ALL-OWN")
def all_but_others(bench: Bench) -> None:
    """A stop of all jobs of a consumer who has one, while another's runs."""
    one, other = bench.start(), bench.staying()
    with given("a stop of all one's jobs"):
        one.consumer.stop().jobs()
    runs_on(bench, other)


@check("CE-STOP-STATUS")
def answered_status(bench: Bench) -> None:
    """The status in the answer to a stop of a running job."""
    job = halted(bench).course[0]
    found, asked = job.get("status"), job.get("stopreq") == 1
    elected(found == STOPPED, found in TEXTS and asked, "7", found)


@check("CE-STOP-GET")
def shown_status(bench: Bench) -> None:
    """Every look at a job after its stop."""
    seen = [job.get("status") for job in halted(bench).course[1:]]
    expect(set(seen) <= TEXTS.keys(), "codes of the table", seen)


@check("CE-STOP-ALL")
def all_own(bench: Bench) -> None:
    """A stop of all jobs of a consumer who has two that run."""
    one = bench.staying()
    other = bench.staying(consumer=one.consumer)
    finds(one.consumer.stop(), one, other)
    for job in (one, other):
        bench.until(job, final, "to end after a stop", bench.profile.limits.stop)


@check("CE-STOP-DOCUMENT")
def of_document(bench: Bench) -> None:
    """A stop by one dataset, while jobs of two run."""
    one = bench.staying()
    second = bench.profile.dataset("second")
    other = bench.staying(consumer=one.consumer, dataset=second)
    finds(one.consumer.stop(documentId=second["documentId"]), other)
    runs_on(bench, one)


@check("CE-STOP-FINAL")
def final_unchanged(bench: Bench) -> None:
    """A stop of a job that ended; status, dates, results and reason before and after."""
    before, after = _stopped_after_end(bench)
    names = ("status", "dateCreated", "dateFinished", "results")
    changed = {name: after.get(name) for name in names if after.get(name) != before.get(name)}
    expect(not changed, f"the job as it was: {before}", changed)
    reason = before.get("finishReason")
    expect(after.get("finishReason") == reason, f"the finishReason {reason}", after)


@check("CE-STOP-FINAL-STOPREQ")
def final_stop_request(bench: Bench) -> None:
    """A stop of a job that ended; stopreq before and after."""
    before, after = _stopped_after_end(bench)
    flag = before.get("stopreq")
    expect(after.get("stopreq") == flag, f"the stopreq {flag}", after)


def _stopped_after_end(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    def make(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
        one = bench.start()
        before = bench.finished(one)
        answer = one.consumer.stop(jobId=one.job_id)
        if answer.status != 200:
            answer.refused(400, 404, 409)
        return before, bench.look(one)

    return bench.shared("stopped after its end", make)


@check("CE-STOP-OUTPUTS")
def outputs(bench: Bench) -> None:
    """An algorithm that writes a file and runs on, stopped; later where it was not yet written."""
    found = halted(bench).final
    for share in LATER:
        if EARLY not in _names(found):
            found = _halted_after(bench, share * bench.profile.limits.start)
    expect(EARLY in _names(found), f"{EARLY} among the results", _names(found))


def _names(job: Mapping[str, Any]) -> list[Any]:
    return [one.get("filename") for one in job.get("results") or ()]


def _halted_after(bench: Bench, seconds: float) -> dict[str, Any]:
    """No status tells that an algorithm has written its file: there it is given time for it."""
    one = bench.staying(write(EARLY, "early"))
    threading.Event().wait(seconds)
    stopped(one)
    return bench.finished(one)


@check("CE-STOP-MISMATCH")
def mismatch(bench: Bench) -> None:
    """A stop of a running job by the DID of a dataset that it is not of."""
    one = bench.staying()
    second = bench.profile.dataset("second")["documentId"]
    finds_none(one.consumer.stop(jobId=one.job_id, documentId=second))
    runs_on(bench, one)


@check("CE-STOP-QUEUED")
def queued(bench: Bench) -> None:
    """One job more than the environment has places, stopped while it waits."""
    consumer = bench.consumer()
    for _ in range(_places(bench)):
        bench.endless(consumer=consumer)
    last = bench.endless(consumer=consumer)
    if bench.look(last).get("status") != 1:
        raise Inconclusive("a job that waits for a place", bench.look(last))
    _gets_final(bench, last)
    history = bench.look(last).get("statusHistory") or ()
    codes = [passed.get("status") for passed in history]
    expect(40 not in codes, "a job that never ran", codes)


def _places(bench: Bench) -> int:
    """How many jobs the environment runs at once; Disabled where that is too many to fill."""
    places = bench.stage.places
    if places is None or not 0 < places <= PLACES:
        raise Disabled(f"an environment of at most {PLACES} places", places)
    return places


@check("CE-STOP-TOLD")
def told(bench: Bench) -> None:
    """The reasons of a job that was stopped and of one that ended by itself."""
    jobs = (bench.specimen().final, halted(bench).final)
    if not all("finishReason" in job for job in jobs):
        raise Unsupported("a finishReason", jobs)
    reasons = [job["finishReason"] for job in jobs]
    expect(reasons[0] != reasons[1], "two reasons", reasons)


@check("CE-STOP-TWICE")
def twice(bench: Bench) -> None:
    """A second stop of a job that was running at the first."""
    one = halted(bench).started
    found = ids(one.consumer.stop(jobId=one.job_id))
    expect(found == [one.job_id], "the job", found)
