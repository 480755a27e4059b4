"""DELETE compute: removing jobs."""

from __future__ import annotations

import secrets
from typing import Any, Final

from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.checks.listing import finds, finds_nothing, two_datasets
from compute_conformance.checks.stop import finds_none
from compute_conformance.consumers import COMPUTE, Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import Contested, expect, given

DELETED: Final = 8


def two(bench: Bench) -> tuple[Consumer, Started, Started]:
    """A consumer with two jobs, the newer one last."""
    consumer = bench.consumer()
    return consumer, bench.start(consumer=consumer), bench.start(consumer=consumer)


def deleted(one: Started, **params: Any) -> Answer:
    """The answer to a delete by the job's owner; Inconclusive where it is refused."""
    answer = one.consumer.delete(**(params or {"jobId": one.job_id}))
    with given("a delete of one's own job"):
        answer.accepted(200)
    return answer


def seen(one: Started) -> Answer:
    """What the job's owner sees of it."""
    return one.consumer.status(jobId=one.job_id, consumerAddress=one.consumer.address)


def stays(*jobs: Started) -> None:
    """Raise Failed where a job is gone."""
    for one in jobs:
        finds(seen(one), one)


def acknowledged(bench: Bench) -> dict[str, Any]:
    """The status object of the answer to a delete of a job that ended."""

    def make(bench: Bench) -> Answer:
        one = bench.start()
        bench.finished(one)
        return deleted(one)

    answer = bench.shared("deleted", make)
    if answer.json == "":
        raise Contested("the status object", answer)
    return answer.job()


def finds_nothing_to_delete(answer: Answer) -> None:
    """Raise Failed unless the answer is an empty array or text, or says that there is none."""
    if answer.status == 200:
        expect(answer.json in ([], ""), "an empty array or text", answer)
    else:
        finds_none(answer)


@check("CE-DELETE-ANSWER")
def answered(bench: Bench) -> None:
    """A delete of a job just started, its parameters in the query string."""
    one = bench.start()
    found = one.consumer.delete(jobId=one.job_id).accepted(200)
    expect(isinstance(found, list) or found == "", "an array or an empty text", found)


@check("CE-DELETE-BODY")
def by_body(bench: Bench) -> None:
    """A delete of a job just started, its parameters in the body."""
    one = bench.start()
    request = one.consumer.owned_request("DELETE", jobId=one.job_id)
    one.consumer.send(Request("DELETE", COMPUTE, json=dict(request.query))).accepted(200)


@check("CE-DELETE-UNKNOWN")
def unknown(bench: Bench) -> None:
    """A jobId of digits that were just drawn."""
    answer = bench.consumer().delete(jobId=f"{secrets.token_hex(15)}xy")
    if answer.status != 404:
        expect(answer.accepted(200) in ([], ""), "an empty array or text, or 404", answer)


@check("CE-DELETE-UNSIGNED")
def unsigned(bench: Bench) -> None:
    """A delete with the owner's address and no signature, with and without a nonce."""
    one = bench.start()
    told = {"consumerAddress": one.consumer.address, "jobId": one.job_id}
    bench.send(Request("DELETE", COMPUTE, query={**told, "nonce": "3"})).refused()
    bench.send(Request("DELETE", COMPUTE, query=told)).refused()
    stays(one)


@check("CE-DELETE-OTHERS")
def of_others(bench: Bench) -> None:
    """A delete by another consumer."""
    one = bench.start()
    finds_nothing_to_delete(bench.consumer().delete(jobId=one.job_id))
    stays(one)


@check("CE-DELETE-ONLY")
def only_that(bench: Bench) -> None:
    """A delete of one of two jobs."""
    _, one, other = two(bench)
    deleted(one)
    stays(other)


@check("CE-DELETE-GONE")
def gone(bench: Bench) -> None:
    """A look at a job that was deleted."""
    one = bench.start()
    deleted(one)
    finds_nothing(seen(one))


@check("CE-DELETE-LIST")
def gone_from_the_list(bench: Bench) -> None:
    """The list of a consumer one of whose two jobs was deleted."""
    consumer, one, other = two(bench)
    deleted(one)
    finds(consumer.status(consumerAddress=consumer.address), other)


@check("CE-DELETE-RESULTS")
def results_gone(bench: Bench) -> None:
    """A download that worked, after the job was deleted."""
    one = bench.start()
    bench.finished(one)
    content = bench.fetched(one, 0)
    deleted(one)
    answer = one.consumer.result(one.job_id, 0)
    if answer.status != 200 or answer.body == content:  # else others ask what it is
        answer.refused(400, 403, 404, 410)


@check("CE-DELETE-STATUS")
def answered_status(bench: Bench) -> None:
    """The status in the answer."""
    found = acknowledged(bench).get("status")
    expect(found == DELETED, "8", found)


@check("CE-DELETE-REMOVED")
def answered_removed(bench: Bench) -> None:
    """``removed`` in the answer."""
    found = acknowledged(bench).get("removed")
    expect(found == 1, "1", found)


@check("CE-DELETE-NO-RESULTS")
def answered_results(bench: Bench) -> None:
    """The results in the answer to a delete of a job that had some."""
    found = acknowledged(bench).get("results")
    expect(found in ([], ""), "none", found)


@check("CE-DELETE-RUNNING")
def running(bench: Bench) -> None:
    """A delete of a running job."""
    one = bench.staying()
    one.consumer.delete(jobId=one.job_id).accepted(200)
    finds_nothing(seen(one))


@check("CE-DELETE-DOCUMENT")
def of_document(bench: Bench) -> None:
    """A delete by one dataset of a consumer with jobs of two."""
    consumer, one, other = two_datasets(bench)
    deleted(other, documentId=bench.profile.dataset("second")["documentId"])
    finds(consumer.status(consumerAddress=consumer.address), one)


@check("CE-DELETE-DOCUMENT-OWN")
def of_document_but_others(bench: Bench) -> None:
    """A delete by the dataset of which another consumer has a job too."""
    one, other = bench.start(), bench.start()
    deleted(one, documentId=bench.profile.dataset("open")["documentId"])
    stays(other)


@check("CE-DELETE-ADDRESS-ALONE")
def address_alone(bench: Bench) -> None:
    """A signed delete with consumerAddress and nothing else."""
    one = bench.start()
    one.consumer.delete().refused()
    stays(one)


@check("CE-DELETE-TWICE")
def twice(bench: Bench) -> None:
    """A second delete, signed afresh."""
    one = bench.start()
    deleted(one)
    finds_nothing_to_delete(one.consumer.delete(jobId=one.job_id))


@check("CE-DELETE-MISMATCH")
def mismatch(bench: Bench) -> None:
    """A delete of a job by the DID of a dataset that it is not of."""
    one = bench.start()
    second = bench.profile.dataset("second")["documentId"]
    finds_nothing_to_delete(one.consumer.delete(jobId=one.job_id, documentId=second))
    stays(one)


@check("CE-DELETE-STOP-AFTER")
def stop_after(bench: Bench) -> None:
    """A stop of a job that was deleted."""
    one = bench.start()
    deleted(one)
    finds_none(one.consumer.stop(jobId=one.job_id))


@check("CE-DELETE-NONCE-KEPT")
def nonce_kept(bench: Bench) -> None:
    """The bytes of a start, sent again after its job was deleted."""
    consumer = bench.consumer()
    request = consumer.start_request()
    with given("a start that is accepted"):
        one = bench.accept(consumer.send(request), consumer)
    deleted(one)
    answer = consumer.send(request)
    if answer.status == 200:
        bench.accept(answer, consumer)
    answer.refused()
