"""Nonces: the last one, that each is used once, and that nobody uses up another's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.signatures import HIDDEN, document_id, taken
from compute_conformance.consumers import FIRST, SERVICES, Consumer
from compute_conformance.exchanges import Answer
from compute_conformance.verdicts import Failed, Unsupported, expect, given

DOUBLES: Final = 2**53  # beyond it a double and the next one above it may be the same
AT_ONCE: Final = 8


def told(bench: Bench, address: str) -> Decimal:
    """The last nonce of an address, as the target tells it."""
    answer = bench.get(f"{SERVICES}/nonce", userAddress=address)
    found = answer.accepted(200)
    nonce = found.get("nonce") if isinstance(found, dict) else None
    try:
        value = Decimal(str(nonce))
    except InvalidOperation:
        raise Failed("an object with a numeric nonce", answer) from None
    expect(not isinstance(nonce, bool) and value.is_finite(), "a number as nonce", answer)
    return value


def first_then(bench: Bench, first: str, then: str) -> None:
    """A start with one nonce, and then one with another, which is accepted too."""
    consumer = bench.consumer()
    bench.start(consumer=consumer, nonce=first)
    bench.accept(consumer.start(nonce=then), consumer)


# The last nonce


@check("CE-NONCE-SHAPE")
def shape(bench: Bench) -> None:
    """The answer for an address that was never seen."""
    told(bench, bench.consumer().address)


@check("CE-NONCE-FRESH")
def fresh(bench: Bench) -> None:
    """The nonce of an address that was never seen, asked for twice."""
    address = bench.consumer().address
    found = [told(bench, address) for _ in range(2)]
    expect(found == [1, 1], "the nonce 1, both times", found)


@check("CE-NONCE-ADDRESS-MISSING")
def address_missing(bench: Bench) -> None:
    """The nonce of nobody, and of an empty address."""
    bench.get(f"{SERVICES}/nonce").refused()
    bench.get(f"{SERVICES}/nonce", userAddress="").refused()


@check("CE-NONCE-ADDRESS-MALFORMED")
def address_malformed(bench: Bench) -> None:
    """The nonces of texts that are too short, too long and no hexadecimal digits."""
    address = bench.consumer().address
    for wrong in (address[:-1], address + "0", address[:-1] + "g", "me"):
        bench.get(f"{SERVICES}/nonce", userAddress=wrong).refused()


@check("CE-NONCE-FIRST")
def first(bench: Bench) -> None:
    """A start with the nonce 1."""
    consumer = bench.consumer()
    bench.accept(consumer.start(nonce=1), consumer)


@check("CE-NONCE-ASKING")
def asking(bench: Bench) -> None:
    """The nonce of an address, and then its start with 1."""
    consumer = bench.consumer()
    with given("the nonce"):
        told(bench, consumer.address)
    bench.accept(consumer.start(nonce=1), consumer)


@check("CE-NONCE-NOT-BELOW")
def not_below(bench: Bench) -> None:
    """The nonce after a start with 7."""
    consumer = bench.consumer()
    bench.start(consumer=consumer, nonce=7)
    found = told(bench, consumer.address)
    expect(found >= 7, "a nonce that is not below 7", found)


@check("CE-NONCE-NEXT")
def following(bench: Bench) -> None:
    """A start with 7, and one with what is told of it and 1."""
    consumer = bench.consumer()
    bench.start(consumer=consumer, nonce=7)
    with given("the nonce"):
        told_nonce = told(bench, consumer.address)
    bench.accept(consumer.start(nonce=told_nonce + 1), consumer)


@check("CE-NONCE-TOLD-LETTER-CASE")
def told_letter_case(bench: Bench) -> None:
    """The nonce after a start, asked for in small letters."""
    consumer = bench.consumer()
    bench.start(consumer=consumer, nonce=7)
    with given("the nonce"):
        usual = told(bench, consumer.address)
    found = told(bench, consumer.address.lower())
    expect(found == usual, f"the nonce {usual}", found)


# Used once


@check("CE-START-NONCE-REPLAY")
def replay(bench: Bench) -> None:
    """A start, and the same bytes again."""
    consumer = bench.consumer()
    request = consumer.start_request()
    with given("a start that is accepted"):
        bench.accept(consumer.send(request), consumer)
    bench.send(request).refused()


@check("CE-NONCE-EQUAL")
def equal(bench: Bench) -> None:
    """Two starts with one nonce, on different datasets."""
    consumer = bench.start(nonce=7).consumer
    second = consumer.start_request(dataset=bench.profile.dataset("second"), nonce=7)
    bench.send(second).refused(*HIDDEN, 409, 503)


@check("CE-NONCE-LOWER")
def lower(bench: Bench) -> None:
    """A start with 7, and one with 5."""
    started = bench.start(nonce=7)
    bench.send(started.consumer.start_request(nonce=5)).refused()


@check("CE-NONCE-ORDER")
def order(bench: Bench) -> None:
    """Starts with 9 and with 10."""
    first_then(bench, "9", "10")


@check("CE-NONCE-EXACT")
def exact(bench: Bench) -> None:
    """Starts with two nonces that are one as doubles."""
    first_then(bench, "1700000000.123456781", "1700000000.123456782")


@check("CE-NONCE-SPELLING")
def spelling(bench: Bench) -> None:
    """A start with 7, and others with 07, 7.0, +7, 7e0 and the like."""
    consumer = bench.start(nonce=7).consumer
    for again in ("07", "7.0", "7.", "+7", " 7", "7e0", "70e-1", "0x7", "\u0667"):
        bench.send(consumer.start_request(nonce=again)).refused()


@check("CE-NONCE-LETTER-CASE")
def letter_case(bench: Bench) -> None:
    """A start, and another with its nonce whose consumerAddress is in small letters."""
    consumer = bench.start(nonce=7).consumer
    small = consumer.address.lower()
    bench.send(consumer.start_request(nonce=7, consumerAddress=small)).refused()


@check("CE-NONCE-PER-ACCOUNT")
def per_account(bench: Bench) -> None:
    """A start with a great nonce, and another account's with a small one."""
    bench.start(nonce=10**12)
    consumer = bench.consumer()
    bench.accept(consumer.start(), consumer)


@check("CE-NONCE-STOP-REPLAY")
def stop_replay(bench: Bench) -> None:
    """A stop, and the same again."""
    started = bench.start()
    request = started.consumer.owned_request("PUT", jobId=started.job_id)
    with given("a stop that is accepted"):
        bench.send(request).accepted()
    bench.send(request).refused(*HIDDEN)


@check("CE-NONCE-DELETE-REPLAY")
def delete_replay(bench: Bench) -> None:
    """A delete of a document's jobs, and the same again."""
    started = bench.start()
    request = started.consumer.owned_request("DELETE", documentId=document_id(bench))
    with given("a delete that is accepted"):
        bench.send(request).accepted()
    bench.send(request).refused(*HIDDEN)


@check("CE-NONCE-STATUS")
def status(bench: Bench) -> None:
    """A status query, signed with the next nonce, twice; and a start with it."""
    started = bench.start()
    request = started.consumer.owned_request("GET", jobId=started.job_id)
    for _ in range(2):
        taken(bench.send(request))
    answer = started.consumer.start(nonce=request.query["nonce"])
    bench.accept(answer, started.consumer)


# Refused calls


@check("CE-NONCE-REFUSED-STOP")
def refused_stop(bench: Bench) -> None:
    """A stop of a job that is not there, and a start with its nonce."""
    consumer = bench.consumer()
    answer = consumer.stop(jobId="0" * 31 + "x")
    if answer.status < 400:
        raise Unsupported("a refusal to stop an unknown job", answer)
    bench.accept(consumer.start(nonce=consumer.nonce), consumer)


@check("CE-NONCE-UNSIGNED")
def unsigned(bench: Bench) -> None:
    """Calls with a great nonce that name an account; then its start with a small one."""
    victim = bench.consumer()
    _try_to_lock_out(bench, victim, victim, signature=None)


@check("CE-NONCE-FORGED")
def forged(bench: Bench) -> None:
    """The same calls, signed by another account."""
    victim = bench.consumer()
    _try_to_lock_out(bench, victim, bench.consumer())


def _try_to_lock_out(
    bench: Bench, victim: Consumer, attacker: Consumer, **changes: str | None
) -> None:
    started = bench.start(consumer=victim, nonce=FIRST)
    named: dict[str, Any] = {"consumerAddress": victim.address, "nonce": "1000000"}
    requests = [
        attacker.start_request(**named),
        attacker.owned_request("PUT", jobId=started.job_id, **named),
        attacker.owned_request("DELETE", jobId=started.job_id, **named),
        attacker.owned_request("GET", jobId=started.job_id, **named),
        attacker.result_request(started.job_id, **named),
        attacker.token_request(1, address=victim.address, nonce="1000000"),
    ]
    victim.nonce = FIRST
    for request in requests:
        bench.send(request.but(**changes))
    bench.accept(victim.start(), victim)


@check("CE-NONCE-LOCKOUT")
def lockout(bench: Bench) -> None:
    """A start with 2^53; where it is accepted, another with one more, as doubles add."""
    consumer = bench.consumer()
    answer = consumer.start(nonce=DOUBLES)
    if answer.status in {200, 201}:
        bench.accept(answer, consumer)
        further = int(float(told(bench, consumer.address)) + 1)
        bench.accept(consumer.start(nonce=further), consumer)


@check("CE-NONCE-PARALLEL")
def parallel(bench: Bench) -> None:
    """Starts with one nonce, each of orders of its own, all at once."""
    consumer = bench.consumer()
    requests = [consumer.start_request(nonce=7) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers: list[Answer] = list(pool.map(bench.send, requests))
    good = [answer for answer in answers if answer.status in {200, 201}]
    for answer in good:
        bench.accept(answer, consumer)
    expect(len(good) == 1, "exactly one that is accepted", [one.status for one in answers])
