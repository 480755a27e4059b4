"""Tokens: how one is made, and what it stands for. A server may do without."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.results import ended
from compute_conformance.checks.signatures import taken
from compute_conformance.consumers import Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import Failed, Unsupported, expect, given

DAY: Final = 86_400
PAST: Final = 1_000_000_000  # in 2001
YEAR: Final = 365 * DAY


def tomorrow() -> int:
    """In Unix seconds."""
    return int(time.time()) + DAY


def token_in(answer: Answer) -> str:
    """The token that an answer has to bring."""
    found = answer.offered().accepted()
    token = found.get("token") if isinstance(found, dict) else None
    if not isinstance(token, str) or not token:
        raise Failed("an object with a token", answer)
    return token


def token_of(consumer: Consumer, expiration: int | None = None) -> str:
    """A token of this consumer; Inconclusive where it cannot be had."""
    asked = consumer.token_request(tomorrow() if expiration is None else expiration)
    with given("a token"):
        return token_in(consumer.send(asked))


def by_token(request: Request, token: str) -> Request:
    """The request with a token in place of its signature; its nonce stays."""
    return request.but(signature=None).with_headers(AuthToken=token)


def stop_by(consumer: Consumer, token: str) -> Answer:
    """A stop of all jobs of one who has none, by token: it tells a good token from others."""
    return consumer.send(by_token(consumer.owned_request("PUT"), token))


def consumer_and_token(bench: Bench) -> tuple[Consumer, str]:
    """A consumer, and a token with which its jobs can be stopped."""
    consumer = bench.consumer()
    token = token_of(consumer)
    with given("a stop by token"):
        taken(stop_by(consumer, token))
    return consumer, token


def parts_of(token: str) -> list[str]:
    """Head, claims and signature; Unsupported where the token is of another kind."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise Unsupported("a token of three parts", token)
    return parts


def claims_of(token: str) -> dict[str, Any]:
    """What a token says; Unsupported where it cannot be read."""
    try:
        claims = json.loads(_decoded(parts_of(token)[1]))
    except ValueError:
        raise Unsupported("a token that can be read", token) from None
    if not isinstance(claims, dict):
        raise Unsupported("a token with claims", claims)
    return claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(content: Mapping[str, Any] | bytes) -> str:
    """A part of a token."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# Making a token


@check("CE-TOKEN-CREATE")
def create(bench: Bench) -> None:
    """The answer to a signed call."""
    consumer = bench.consumer()
    token = token_in(consumer.send(consumer.token_request(tomorrow())))
    parts = token.split(".")
    plain = all(part and part.replace("-", "").replace("_", "").isalnum() for part in parts)
    expect(len(parts) == 3 and plain and token.isascii(), "three parts in base64url", token)


@check("CE-TOKEN-EXPIRES")
def expires(bench: Bench) -> None:
    """The claims of a token."""
    wanted = tomorrow()
    found = claims_of(token_of(bench.consumer(), wanted)).get("exp")
    expect(found == wanted, f"exp {wanted}", found)


@check("CE-TOKEN-CREATE-MISSING")
def create_missing(bench: Bench) -> None:
    """A call that leaves the signature out."""
    _not_made(bench, bench.consumer().token_request(tomorrow()).but(signature=None))


@check("CE-TOKEN-CREATE-OTHER-ACCOUNT")
def create_other_account(bench: Bench) -> None:
    """A call in the name of one, signed by another."""
    victim, other = bench.consumer(), bench.consumer()
    _not_made(bench, other.token_request(tomorrow(), address=victim.address))


@check("CE-TOKEN-CREATE-OTHER-NONCE")
def create_other_nonce(bench: Bench) -> None:
    """A call with a greater nonce than the signed one."""
    consumer = bench.consumer()
    request = consumer.token_request(tomorrow())
    _not_made(bench, request.but(nonce=consumer.next_nonce()))


@check("CE-TOKEN-EXPIRATION-MISSING")
def expiration_missing(bench: Bench) -> None:
    """A call that leaves the expiration out."""
    _not_made(bench, bench.consumer().token_request(0).but(expiration=None))


@check("CE-TOKEN-EXPIRATION-PAST")
def expiration_past(bench: Bench) -> None:
    """Expirations in 2001, at the beginning of time, and before."""
    for past in (PAST, 0, -PAST):
        _not_made(bench, bench.consumer().token_request(past))


@check("CE-TOKEN-EXPIRATION-WORD")
def expiration_word(bench: Bench) -> None:
    """Expirations that are a word and a date."""
    for word in ("tomorrow", "2100-01-01T00:00:00Z", "NaN", "Infinity"):
        _not_made(bench, bench.consumer().token_request(0).but(expiration=word))


@check("CE-TOKEN-EXPIRATION-FAR")
def expiration_far(bench: Bench) -> None:
    """An expiration in a thousand years."""
    consumer = bench.consumer()
    far = tomorrow() + 1000 * YEAR
    answer = consumer.send(consumer.token_request(far)).offered()
    if answer.status not in {200, 201}:
        answer.refused()
    elif claims_of(token_in(answer)).get("exp", far) > tomorrow() + 100 * YEAR:
        raise Failed("a refusal, or a nearer expiration", answer)


def _not_made(bench: Bench, request: Request) -> None:
    bench.send(request).offered().refused()


@check("CE-TOKEN-NO-STORE")
def no_store(bench: Bench) -> None:
    """The header of the answer."""
    consumer = bench.consumer()
    answer = consumer.send(consumer.token_request(tomorrow()))
    with given("a token"):
        token_in(answer)
    told = answer.headers.get("cache-control", "")
    expect("no-store" in told.lower(), "Cache-Control: no-store", told)


# In place of a signature


@check("CE-TOKEN-START")
def start(bench: Bench) -> None:
    """A start by token."""
    consumer = bench.consumer()
    token = token_of(consumer)
    bench.accept(bench.send(by_token(consumer.start_request(), token)), consumer)


@check("CE-TOKEN-STOP")
def stop(bench: Bench) -> None:
    """A stop by token."""
    started = bench.start()
    token = token_of(started.consumer)
    request = started.consumer.owned_request("PUT", jobId=started.job_id)
    taken(bench.send(by_token(request, token)))


@check("CE-TOKEN-DELETE")
def delete(bench: Bench) -> None:
    """A delete by token."""
    started = bench.start()
    token = token_of(started.consumer)
    request = started.consumer.owned_request("DELETE", jobId=started.job_id)
    taken(bench.send(by_token(request, token)))


@check("CE-TOKEN-RESULT")
def result(bench: Bench) -> None:
    """A download by token."""
    job = ended(bench).job
    with job.consumer.turn:
        token = token_of(job.consumer)
        request = job.consumer.result_request(job.job_id)
        taken(bench.send(by_token(request, token)))


@check("CE-TOKEN-STATUS")
def status(bench: Bench) -> None:
    """The members of a job, asked for by token and by signature."""
    started = bench.start()
    token = token_of(started.consumer)
    with given("a signed status query"):
        signed = set(started.consumer.signed_status(started.job_id).job())
    request = started.consumer.owned_request("GET", jobId=started.job_id)
    found = set(bench.send(by_token(request, token)).job())
    expect(found == signed, f"the members {sorted(signed)}", sorted(found))


@check("CE-TOKEN-ADDRESS-CASE")
def address_case(bench: Bench) -> None:
    """A stop by token whose consumerAddress is in small letters."""
    consumer, token = consumer_and_token(bench)
    request = consumer.owned_request("PUT", consumerAddress=consumer.address.lower())
    taken(bench.send(by_token(request, token)))


@check("CE-TOKEN-SIGNATURE-FIRST")
def signature_first(bench: Bench) -> None:
    """A start with a good token and another account's signature."""
    consumer, other = bench.consumer(), bench.consumer()
    token = token_of(consumer)
    other.nonce = consumer.nonce
    request = other.start_request(consumerAddress=consumer.address)
    bench.send(request.with_headers(AuthToken=token)).refused()


@check("CE-TOKEN-SIGNATURE-ENOUGH")
def signature_enough(bench: Bench) -> None:
    """A start with a good signature and a text that is no token."""
    consumer = bench.consumer()
    token_of(consumer)
    request = consumer.start_request().with_headers(AuthToken="no.to.ken")
    bench.accept(bench.send(request), consumer)
