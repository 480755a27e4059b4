"""What the sender of a signed call did not agree to."""

from __future__ import annotations

from urllib.parse import urlencode

from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.checks.delete import stays
from compute_conformance.checks.signatures import HIDDEN, document_id
from compute_conformance.checks.tokens import tomorrow
from compute_conformance.consumers import COMPUTE
from compute_conformance.exchanges import Request
from compute_conformance.verdicts import expect, given


@check("CE-SIGN-DELETE-OTHER-DOCUMENT")
def delete_other_document(bench: Bench) -> None:
    """A delete that names a document beside what was signed."""
    one = bench.start()
    request = one.consumer.owned_request("DELETE", jobId=one.job_id)
    bench.send(request.but(documentId=document_id(bench))).refused(*HIDDEN)


@check("CE-SIGN-DELETE-WITHOUT-NONCE")
def delete_without_nonce(bench: Bench) -> None:
    """A delete whose signature is over address and job, with a nonce beside that was not signed."""
    one = bench.start()
    consumer = one.consumer
    signature = consumer.account.sign(f"{consumer.address}{one.job_id}")
    told = {"jobId": one.job_id, "signature": signature, "nonce": consumer.next_nonce()}
    bench.send(consumer.owned_request("DELETE", **told)).refused(*HIDDEN)
    stays(one)


@check("CE-SIGN-RESULT-WITHOUT-INDEX")
def result_without_index(bench: Bench) -> None:
    """A download of the second result, signed over address, job and nonce only."""
    one = bench.specimen()
    consumer, job = one.started.consumer, one.started.job_id
    with consumer.turn:
        request = consumer.result_request(job, 1)
        request = request.but(**consumer.signed(consumer.address, job))
        bench.send(request).refused(*HIDDEN)


@check("CE-NONCE-REFUSED-DELETE")
def refused_delete(bench: Bench) -> None:
    """A delete of a job that there is not, and then a start with its nonce."""
    consumer = bench.consumer()
    request = consumer.owned_request("DELETE", jobId="0" * 31 + "z")
    with given("a delete that is refused"):
        bench.send(request).refused(400, 404)
    bench.accept(consumer.start(nonce=request.query["nonce"]), consumer)


@check("CE-NONCE-ACROSS")
def across(bench: Bench) -> None:
    """The nonce of a start, with a download, a stop, a delete and a createAuthToken."""
    one = bench.start()
    bench.finished(one)
    consumer = one.consumer
    nonce = str(consumer.nonce)
    consumer.result(one.job_id, nonce=nonce).refused(*HIDDEN)
    consumer.stop(jobId=one.job_id, nonce=nonce).refused(*HIDDEN)
    consumer.delete(jobId=one.job_id, nonce=nonce).refused(*HIDDEN)
    bench.send(consumer.token_request(tomorrow(), nonce=nonce)).refused(*HIDDEN)


@check("CE-DELETE-TWO-PLACES")
def two_places(bench: Bench) -> None:
    """A delete of one job signed in the query, with another of the consumer's in the body."""
    one = bench.start()
    other = bench.start(consumer=one.consumer)
    request = one.consumer.owned_request("DELETE", jobId=one.job_id)
    told = {"consumerAddress": one.consumer.address, "jobId": other.job_id}
    bench.send(Request("DELETE", COMPUTE, query=request.query, json=told))
    stays(other)


@check("CE-DELETE-TWO-NAMES")
def two_names(bench: Bench) -> None:
    """A query with two jobIds: the one that is signed before the other, and behind it."""
    one = bench.start()
    other = bench.start(consumer=one.consumer)
    _delete(one, one.job_id, other.job_id)
    stays(other)
    _delete(one, other.job_id, one.job_id)
    stays(other)


def _delete(one: Started, *job_ids: str) -> None:
    """Ask for a delete that is signed for this job, with these jobIds in the query."""
    signed = one.consumer.owned_request("DELETE", jobId=one.job_id)
    pairs = [(name, value) for name, value in signed.query.items() if name != "jobId"]
    query = urlencode([*pairs, *(("jobId", job_id) for job_id in job_ids)])
    one.consumer.send(Request("DELETE", f"{COMPUTE}?{query}"))


@check("CE-HTTP-METHOD-OVERRIDE")
def method_override(bench: Bench) -> None:
    """A signed look at a job with headers and a parameter that ask for a delete."""
    one = bench.start()
    asked = one.consumer.owned_request("GET", jobId=one.job_id)
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        bench.send(asked.with_headers(**{name: "DELETE"}))
    stays(one)
    bench.send(asked.but(_method="DELETE"))
    stays(one)


@check("CE-RESULT-HEAD-MISSING")
def head_missing(bench: Bench) -> None:
    """HEAD of a result without a signature."""
    one = bench.specimen().started
    asked = one.consumer.result_request(one.job_id).but(signature=None)
    answer = bench.send(Request("HEAD", asked.path, query=asked.query))
    expect(400 <= answer.status < 500, "a refusal", answer)


@check("CE-RESULT-CONDITION-MISSING")
def condition_missing(bench: Bench) -> None:
    """Requests for a part, and for what has changed, without a signature, after a download."""
    one = bench.specimen().started
    with given("a download"), one.consumer.turn:
        asked = one.consumer.result_request(one.job_id)
        whole = bench.send(asked)
        expect(whole.status == 200, "a download", whole)
    unsigned = asked.but(signature=None)
    bench.send(unsigned.with_headers(Range="bytes=0-1")).refused(*HIDDEN)
    for tag in (whole.headers.get("etag", '"x"'), "*"):
        bench.send(unsigned.with_headers(If_None_Match=tag)).refused(*HIDDEN)
