"""What belongs to another: a good proof of who one is opens one's own jobs only."""

from __future__ import annotations

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.delete import finds_nothing_to_delete, stays
from compute_conformance.checks.job_results import PRIVATE
from compute_conformance.checks.listing import finds_nothing, ids
from compute_conformance.checks.signatures import HIDDEN
from compute_conformance.checks.stop import finds_none, runs_on
from compute_conformance.checks.tokens import by_token, token_of
from compute_conformance.consumers import COMPUTE
from compute_conformance.exchanges import Answer
from compute_conformance.verdicts import expect, given


def shows_nothing_private(answer: Answer) -> None:
    """Raise Failed where an answer has what only the owner of a job may see."""
    if answer.status == 200:
        found = [name for job in answer.jobs() for name in PRIVATE if name in job]
        expect(not found, f"none of {', '.join(PRIVATE)}", found)
    else:
        answer.refused(*HIDDEN)


@check("CE-SIGN-STATUS-FOREIGN")
def look_foreign(bench: Bench) -> None:
    """A look at another's job that ended, signed rightly in one's own name."""
    job = bench.specimen().started.job_id
    shows_nothing_private(bench.consumer().signed_status(job))


@check("CE-LIST-PRIVATE")
def list_private(bench: Bench) -> None:
    """Unsigned lists by the owner and by the dataset of a job that ended."""
    one = bench.specimen().started
    did = bench.profile.dataset("open")["documentId"]
    shows_nothing_private(bench.get(COMPUTE, consumerAddress=one.consumer.address))
    shows_nothing_private(bench.get(COMPUTE, documentId=did))


@check("CE-LIST-AGREEMENT-OTHERS")
def agreement_of_another(bench: Bench) -> None:
    """The order of another's job, and one's own address."""
    order = bench.specimen().final.get("agreementId")
    address = bench.consumer().address
    finds_nothing(bench.get(COMPUTE, consumerAddress=address, agreementId=order))


@check("CE-STOP-DOCUMENT-OWN")
def stop_of_document(bench: Bench) -> None:
    """A stop by the dataset of which another consumer's job runs."""
    other, consumer = bench.staying(), bench.consumer()
    did = bench.profile.dataset("open")["documentId"]
    finds_none(consumer.stop(documentId=did))
    runs_on(bench, other)


@check("CE-TOKEN-FOREIGN-STOP")
def stop_by_token(bench: Bench) -> None:
    """A stop and a delete of another's running job, by one's own token."""
    other, consumer = bench.staying(), bench.consumer()
    token = token_of(consumer)
    asked = consumer.owned_request("PUT", jobId=other.job_id)
    finds_none(bench.send(by_token(asked, token)))
    runs_on(bench, other)
    asked = consumer.owned_request("DELETE", jobId=other.job_id)
    finds_nothing_to_delete(bench.send(by_token(asked, token)))
    stays(other)


@check("CE-TOKEN-FOREIGN-RESULT")
def result_by_token(bench: Bench) -> None:
    """A download of another's result, and a look at the job, by one's own token."""
    job, consumer = bench.specimen().started.job_id, bench.consumer()
    token = token_of(consumer)
    bench.send(by_token(consumer.result_request(job), token)).refused(*HIDDEN)
    shows_nothing_private(bench.send(by_token(consumer.owned_request("GET", jobId=job), token)))


@check("CE-TOKEN-OTHERS-RESULT")
def result_by_anothers_token(bench: Bench) -> None:
    """A download and a look in the owner's name, by another's token."""
    one = bench.specimen().started
    owner, token = one.consumer, token_of(bench.consumer())
    with owner.turn:
        bench.send(by_token(owner.result_request(one.job_id), token)).refused(*HIDDEN)
        asked = owner.owned_request("GET", jobId=one.job_id)
        shows_nothing_private(bench.send(by_token(asked, token)))


@check("CE-TOKEN-REVOKE-EVERYWHERE")
def revoked_everywhere(bench: Bench) -> None:
    """A start, a delete, a download and a look by a token that was revoked."""
    one = bench.start()
    bench.finished(one)
    owner, token = one.consumer, token_of(one.consumer)
    with given("a revocation"):
        owner.send(owner.revocation_request(token)).offered().accepted()
    bench.send(by_token(owner.start_request(), token)).refused()
    bench.send(by_token(owner.result_request(one.job_id), token)).refused(*HIDDEN)
    shows_nothing_private(bench.send(by_token(owner.owned_request("GET", jobId=one.job_id), token)))
    bench.send(by_token(owner.owned_request("DELETE", jobId=one.job_id), token)).refused(*HIDDEN)


@check("CE-LIST-EXACT")
def exact(bench: Bench) -> None:
    """The front of a jobId, its end, patterns of SQL and of shells, and a condition in quotes."""
    one = bench.specimen().started
    job, owner = one.job_id, one.consumer.address
    for text in (job[:-1], job[1:], "%", f"{job[:4]}%", "_" * len(job), "*", f"{job[:4]}.*"):
        finds_no_job(bench.get(COMPUTE, jobId=text, consumerAddress=owner))
    for text in (f"{job}' OR '1'='1", f'{job}" OR "1"="1', "' OR 1=1 --", f"{job}' -- "):
        finds_no_job(bench.get(COMPUTE, jobId=text, consumerAddress=owner))


def finds_no_job(answer: Answer) -> None:
    """Raise Failed unless the answer is a refusal or has no job in it."""
    if answer.status == 200:
        expect(ids(answer) == [], "no job", answer)
    else:
        answer.refused(*HIDDEN)
