"""What paid once, or was signed once, and comes back in another dress."""

from __future__ import annotations

from typing import Any

from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.checks.beside import quote_of, quoted
from compute_conformance.checks.ranges import OTHER
from compute_conformance.checks.restart import Ended, able, again, ended
from compute_conformance.checks.results import exclusively
from compute_conformance.checks.signatures import HIDDEN
from compute_conformance.exchanges import Request
from compute_conformance.verdicts import Unsupported, expect, given


def _short_stop(started: Started, nonce: object) -> Request:
    """A stop as late clients of ocean.js sign it: over address and job, with a nonce beside."""
    consumer = started.consumer
    signature = consumer.account.sign(f"{consumer.address}{started.job_id}")
    return consumer.owned_request("PUT", jobId=started.job_id, signature=signature, nonce=nonce)


def _stopped(bench: Bench, request: Request) -> None:
    answer = bench.send(request)
    if answer.status in HIDDEN:
        raise Unsupported("a stop that is signed without a nonce", answer)
    with given("a stop that is accepted"):
        answer.accepted()


@check("CE-STOP-SHORT-NONCE")
def short_stop_nonce(bench: Bench) -> None:
    """A stop with a great nonce that is not signed, and a start of its owner with a small one."""
    started = bench.start()
    _stopped(bench, _short_stop(started, 10**9))
    bench.accept(started.consumer.start(), started.consumer)


@check("CE-STOP-SHORT-REPLAY")
def short_stop_again(bench: Bench) -> None:
    """A stop signed without a nonce of a job that has ended, a restart, and the same stop."""
    one = ended(bench)
    request = _short_stop(one.job, one.job.consumer.next_nonce())
    _stopped(bench, request)
    again(one)
    bench.send(request).refused(*HIDDEN)


@check("CE-DELETE-IMPLIED-NONCE")
def implied_nonce(bench: Bench) -> None:
    """A delete signed with the next nonce, which is not sent, and a start with that nonce."""
    started = bench.start()
    consumer = started.consumer
    nonce = consumer.next_nonce()
    request = consumer.owned_request("DELETE", jobId=started.job_id, nonce=nonce)
    answer = bench.send(request.but(nonce=None))
    if answer.status in HIDDEN:
        raise Unsupported("a delete that does not send its nonce", answer)
    consumer.start(nonce=nonce).refused()


@check("CE-RESULT-CONDITION-NONCE")
def condition_nonce(bench: Bench) -> None:
    """A download by one who has another file, and the same once more."""
    with exclusively(bench) as request:
        asked = request.with_headers(If_None_Match=OTHER)
        answer = bench.send(asked)
        with given("a download by one who has another file"):
            expect(answer.status == 200, "the status 200", answer)
        bench.send(asked).refused(*HIDDEN)


@check("CE-ORDER-REFUSED-NONCE")
def refused_order(bench: Bench) -> None:
    """The order of another consumer, and then an order of one's own with the same nonce."""
    dataset, other = bench.profile.dataset("open"), bench.consumer()
    bench.start(dataset=dataset)
    nonce = other.next_nonce()
    with given("the refusal of another's order"):
        other.start(dataset=dataset, nonce=nonce).refused()
    bench.accept(other.start(nonce=nonce), other)


@check("CE-ORDER-QUOTED")
def quoted_order(bench: Bench) -> None:
    """Two consumers who are told an order that is valid, one after the other, and send it."""
    dataset = bench.profile.dataset("open")
    with given("a start with an order that is told to be valid"):
        bench.consumer().start(dataset={**dataset, "transferTxId": _valid_order(bench)}).job()
    bench.consumer().start(dataset={**dataset, "transferTxId": _valid_order(bench)}).job()


def _valid_order(bench: Bench) -> str:
    with given("a quote"):
        order = quoted(quote_of(bench, "open", "plain"))[0].get("validOrder")
    if not isinstance(order, str):
        raise Unsupported("an order that is told to be valid", order)
    return order


@check("CE-RESTART-OLD-ORDER")
def old_order(bench: Bench) -> None:
    """A restart with another order; somebody else then sends the one of the first run."""
    one = ended(bench)
    _reordered(one, bench.profile.order("open"))
    bench.consumer().start(dataset=one.said["dataset"]).refused()


@check("CE-RESTART-AGREEMENT")
def agreement(bench: Bench) -> None:
    """A restart with another order, and the agreementId of the answer."""
    one, order = ended(bench), bench.profile.order("open")
    found = _reordered(one, order).get("agreementId")
    expect(str(found).lower() == order.lower(), f"the order {order}", found)


def _reordered(one: Ended, order: str) -> dict[str, Any]:
    """The status object of the answer to a restart with another order."""
    with given("a restart with another order"):
        return able(one.restart(dataset={**one.said["dataset"], "transferTxId": order})).job()
