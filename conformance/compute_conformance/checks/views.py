"""What is seen of a job that failed, by a token that is none, and of what a token opens."""

from __future__ import annotations

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.job_results import absolute, digests_in
from compute_conformance.checks.lifecycle import FAILING, log_index
from compute_conformance.checks.others import shows_nothing_private
from compute_conformance.checks.signatures import HIDDEN
from compute_conformance.checks.tokens import by_token, token_of
from compute_conformance.consumers import COMPUTE
from compute_conformance.exchanges import Answer
from compute_conformance.verdicts import Inconclusive, expect, given


@check("CE-LIFE-FAILED-PRIVATE")
def failed_private(bench: Bench) -> None:
    """An unsigned look at a job whose algorithm failed."""
    one = bench.specimen(*FAILING).started
    asked = {"jobId": one.job_id, "consumerAddress": one.consumer.address}
    answer = bench.get(COMPUTE, **asked)
    shows_nothing_private(answer)
    with given("a look at a job"):
        told = digests_in(answer.job())
    expect(not told, "neither digest nor exit code", told)


@check("CE-LIFE-FAILED-LOG-URL")
def failed_log_url(bench: Bench) -> None:
    """Signed looks at a job that ended well, and at one whose algorithm failed."""
    well, failed = bench.specimen().signed, bench.specimen(*FAILING).signed
    if log_index(failed) is None or not absolute(well.get("algorithmLogUrl")):
        raise Inconclusive("a log, and an algorithmLogUrl where all goes well", failed)
    found = failed.get("algorithmLogUrl")
    expect(absolute(found), "an absolute URL", found)


@check("CE-TOKEN-STATUS-REFUSED")
def wrong_token(bench: Bench) -> None:
    """A look at a job by another's token, and by a text that is no token."""
    one = bench.specimen().started
    with one.consumer.turn:
        asked = one.consumer.owned_request("GET", jobId=one.job_id)
        for token in (token_of(bench.consumer()), "no.token.this"):
            bench.send(by_token(asked, token)).refused(*HIDDEN)


@check("CE-TOKEN-ANSWERS-NO-STORE")
def token_no_store(bench: Bench) -> None:
    """The headers of a look and of a download by token."""
    one = bench.specimen().started
    owner = one.consumer
    token = token_of(owner)
    with owner.turn:
        _kept_by_nobody(bench.send(by_token(owner.owned_request("GET", jobId=one.job_id), token)))
        _kept_by_nobody(bench.send(by_token(owner.result_request(one.job_id), token)))


def _kept_by_nobody(answer: Answer) -> None:
    with given("a look and a download by token"):
        expect(answer.status == 200, "the status 200", answer)
    told = answer.headers.get("cache-control", "")
    expect("no-store" in told.lower(), "Cache-Control: no-store", told)
