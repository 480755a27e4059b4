"""Who may stop, delete, restart and look closer, and that no call's signature is another's."""

from __future__ import annotations

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.signatures import HIDDEN, document_id, stop_request
from compute_conformance.consumers import COMPUTE, Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import expect, given

# Stop and delete


@check("CE-SIGN-STOP-MISSING")
def stop_missing(bench: Bench) -> None:
    """A stop that leaves the signature out."""
    _missing(bench, "PUT")


@check("CE-SIGN-STOP-OTHER-ACCOUNT")
def stop_other_account(bench: Bench) -> None:
    """A stop in the owner's name, signed by another."""
    _other_account(bench, "PUT")


@check("CE-SIGN-STOP-OTHER-JOB")
def stop_other_job(bench: Bench) -> None:
    """A stop of a job with the signature for another one of the same consumer, and for none."""
    _other_job(bench, "PUT")


@check("CE-SIGN-STOP-OTHER-DOCUMENT")
def stop_other_document(bench: Bench) -> None:
    """A stop that names a document beside what was signed."""
    started = bench.start()
    request = stop_request(started.consumer, started.job_id)
    bench.send(request.but(documentId=document_id(bench))).refused(*HIDDEN)


@check("CE-SIGN-STOP-OTHER-NONCE")
def stop_other_nonce(bench: Bench) -> None:
    """A stop with a greater nonce than the signed one."""
    _other_nonce(bench, "PUT")


@check("CE-SIGN-DELETE-MISSING")
def delete_missing(bench: Bench) -> None:
    """A delete that leaves the signature out."""
    _missing(bench, "DELETE")


@check("CE-SIGN-DELETE-OTHER-ACCOUNT")
def delete_other_account(bench: Bench) -> None:
    """A delete in the owner's name, signed by another."""
    _other_account(bench, "DELETE")


@check("CE-SIGN-DELETE-OTHER-JOB")
def delete_other_job(bench: Bench) -> None:
    """A delete of a job with the signature for another one of the same consumer, and for none."""
    _other_job(bench, "DELETE")


@check("CE-SIGN-DELETE-OTHER-NONCE")
def delete_other_nonce(bench: Bench) -> None:
    """A delete with a greater nonce than the signed one."""
    _other_nonce(bench, "DELETE")


def _missing(bench: Bench, method: str) -> None:
    started = bench.start()
    request = started.consumer.owned_request(method, jobId=started.job_id)
    bench.send(request.but(signature=None)).refused(*HIDDEN)


def _other_account(bench: Bench, method: str) -> None:
    started, other = bench.start(), bench.consumer()
    owner = started.consumer.address
    other.nonce = started.consumer.nonce
    request = other.owned_request(method, jobId=started.job_id, consumerAddress=owner)
    bench.send(request).refused(*HIDDEN)


def _other_job(bench: Bench, method: str) -> None:
    first = bench.start()
    second = bench.start(consumer=first.consumer)
    request = first.consumer.owned_request(method, jobId=first.job_id)
    bench.send(request.but(jobId=second.job_id)).refused(*HIDDEN)
    bare = first.consumer.owned_request(method)
    bench.send(bare.but(jobId=second.job_id)).refused(*HIDDEN)


def _other_nonce(bench: Bench, method: str) -> None:
    started = bench.start()
    request = started.consumer.owned_request(method, jobId=started.job_id)
    bench.send(request.but(nonce=started.consumer.next_nonce())).refused(*HIDDEN)


# Status queries


@check("CE-SIGN-STATUS-WRONG")
def status_wrong(bench: Bench) -> None:
    """The members of a job, asked for with another account's signature and with none."""
    answer, public = _wrongly_signed(bench)
    if answer.status not in HIDDEN:
        _nothing_more(answer, public)


@check("CE-SIGN-STATUS-REFUSED")
def status_refused(bench: Bench) -> None:
    """A job, asked for with another account's signature."""
    answer, _ = _wrongly_signed(bench)
    answer.refused()


def _wrongly_signed(bench: Bench) -> tuple[Answer, set[str]]:
    started, other = bench.start(), bench.consumer()
    owner = started.consumer.address
    request = other.owned_request("GET", jobId=started.job_id, consumerAddress=owner)
    return bench.send(request), _public(started.consumer)


def _public(consumer: Consumer) -> set[str]:
    """The members that anybody sees of the consumer's only job."""
    with given("a look at a job of one's own"):
        return set(consumer.status(consumerAddress=consumer.address).job())


def _nothing_more(answer: Answer, public: set[str]) -> None:
    with given("an array of status objects"):
        shown = {name for job in answer.jobs() for name in job}
    expect(shown <= public, "nothing that an unsigned query does not show", shown - public)


# One call's signature in another


@check("CE-SIGN-START-AS-DELETE")
def start_as_delete(bench: Bench) -> None:
    """A delete by documentId, of the parts that a start was signed over."""
    consumer = bench.consumer()
    request = consumer.start_request()
    with given("a start that is accepted"):
        bench.accept(bench.send(request), consumer)
    parts = {name: request.json[name] for name in ("consumerAddress", "nonce", "signature")}
    asked = Request("DELETE", COMPUTE, query={**parts, "documentId": document_id(bench)})
    bench.send(asked).refused(*HIDDEN)


@check("CE-SIGN-STOP-AS-DELETE")
def stop_as_delete(bench: Bench) -> None:
    """A stop, and the same query as a delete: with the nonce, and without."""
    started = bench.start()
    request = stop_request(started.consumer, started.job_id)
    with given("a stop that is accepted"):
        bench.send(request).accepted()
    asked = Request("DELETE", COMPUTE, query=request.query)
    bench.send(asked).refused(*HIDDEN)
    bench.send(asked.but(nonce=None)).refused(*HIDDEN)


@check("CE-SIGN-POLL-AS-DELETE")
def poll_as_delete(bench: Bench) -> None:
    """A signed status query, a further start, and the query as a delete."""
    started = bench.start()
    request = started.consumer.owned_request("GET", jobId=started.job_id)
    bench.send(request)
    bench.start(consumer=started.consumer)
    bench.send(Request("DELETE", COMPUTE, query=request.query)).refused(*HIDDEN)
