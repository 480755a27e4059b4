"""Who may download, and that one download is no leave for another call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.nonces import AT_ONCE
from compute_conformance.checks.results import body, ended, exclusively, working
from compute_conformance.checks.signatures import HIDDEN
from compute_conformance.consumers import COMPUTE
from compute_conformance.exchanges import Request
from compute_conformance.scripts import write
from compute_conformance.verdicts import Inconclusive, expect

MANY: Final = 13  # results, so that an index has two digits


@check("CE-SIGN-RESULT-MISSING")
def missing(bench: Bench) -> None:
    """A download that leaves the signature out."""
    with exclusively(bench) as request:
        bench.send(request.but(signature=None)).refused(*HIDDEN)


@check("CE-SIGN-RESULT-OTHER-ACCOUNT")
def other_account(bench: Bench) -> None:
    """A download in the owner's name, signed by another."""
    job, other = ended(bench).job, bench.consumer()
    with job.consumer.turn:
        named = {"consumerAddress": job.consumer.address, "nonce": job.consumer.next_nonce()}
        other.result(job.job_id, **named).refused(*HIDDEN)


@check("CE-RESULT-OTHERS")
def others(bench: Bench) -> None:
    """A download in another's own name, rightly signed."""
    job = ended(bench)
    bench.consumer().result(job.job.job_id).refused(*HIDDEN)


@check("CE-SIGN-RESULT-OTHER-JOB")
def other_job(bench: Bench) -> None:
    """A download with the signature for another job of the same consumer, and for none."""
    job = ended(bench).job
    other = bench.start(consumer=job.consumer.by(bench.send))
    with job.consumer.turn:
        request = job.consumer.result_request(other.job_id)
        bench.send(request.but(jobId=job.job_id)).refused(*HIDDEN)
        bare = job.consumer.result_request("")
        bench.send(bare.but(jobId=job.job_id)).refused(*HIDDEN)


@check("CE-SIGN-RESULT-OTHER-INDEX")
def other_index(bench: Bench) -> None:
    """A download of the first result with the signature for the second."""
    with exclusively(bench, 1) as request:
        bench.send(request.but(index=0)).refused(*HIDDEN)


@check("CE-SIGN-RESULT-OTHER-NONCE")
def other_nonce(bench: Bench) -> None:
    """A download with a greater nonce than the signed one, which follows the last."""
    job = ended(bench)
    with job.job.consumer.turn:
        working(job.fetch())
        request = job.job.consumer.result_request(job.job.job_id)
        bench.send(request.but(nonce=job.job.consumer.next_nonce())).refused(*HIDDEN)


@check("CE-NONCE-RESULT-REPLAY")
def replay(bench: Bench) -> None:
    """A download, and the same URL again."""
    with exclusively(bench) as request:
        working(bench.send(request))
        bench.send(request).refused(*HIDDEN)


@check("CE-NONCE-RESULT-REFUSED")
def refused(bench: Bench) -> None:
    """A download of an index that is not there, and one that is, with the same nonce."""
    job = ended(bench)
    with job.job.consumer.turn:
        answer = job.fetch(999)
        if answer.status < 400:
            raise Inconclusive("the refusal of index 999", answer)
        body(job.fetch(nonce=job.job.consumer.nonce))


@check("CE-NONCE-RESULT-HEAD")
def head(bench: Bench) -> None:
    """A HEAD, answered or not, and a GET of the same URL."""
    with exclusively(bench) as request:
        bench.send(Request("HEAD", request.path, query=request.query))
        body(bench.send(request))


@check("CE-RESULT-JOB-MISSING")
def job_missing(bench: Bench) -> None:
    """A download that names no job, signed over address, index and nonce."""
    consumer = ended(bench).job.consumer
    with consumer.turn:
        bench.send(consumer.result_request("").but(jobId=None)).refused(*HIDDEN)


@check("CE-SIGN-RESULT-AS-DELETE")
def as_delete(bench: Bench) -> None:
    """A download of index 1, and a delete whose nonce begins with that 1."""
    job = bench.start()
    results = bench.finished(job).get("results") or ()
    if len(results) < 2:
        raise Inconclusive("a job with two results", results)
    request = job.consumer.result_request(job.job_id, 1)
    working(bench.send(request))
    told = {**request.query, "nonce": f"1{request.query['nonce']}", "index": None}
    bench.send(Request("DELETE", COMPUTE, query=told)).refused(*HIDDEN)


@check("CE-SIGN-RESULT-SHIFTED")
def shifted(bench: Bench) -> None:
    """Index 1 with the nonce 23 as index 12 with 3; index 12 with 30 as index 1 with 230."""
    job = ended(bench, *(write(f"{number:02}.txt", "text") for number in range(MANY)))
    for index, nonce, other, shift in ((1, 23, 12, 3), (12, 30, 1, 230)):
        request = job.job.consumer.result_request(job.job.job_id, index, nonce=nonce)
        working(bench.send(request))
        bench.send(request.but(index=other, nonce=shift)).refused(*HIDDEN)


@check("CE-RESULT-PARALLEL")
def parallel(bench: Bench) -> None:
    """One URL, asked for several times at once."""
    with exclusively(bench) as request, ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(bench.send, [request] * AT_ONCE))
    codes = [answer.status for answer in answers]
    expect(codes.count(200) == 1, "exactly one that is accepted", codes)
