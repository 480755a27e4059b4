"""What is no token, or no longer one, and who may revoke it."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from typing import Final

from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.checks.others import shows_nothing_private
from compute_conformance.checks.signatures import HIDDEN, taken
from compute_conformance.checks.tokens import (
    by_token,
    consumer_and_token,
    encoded,
    parts_of,
    stop_by,
    token_in,
    token_of,
    tomorrow,
)
from compute_conformance.consumers import SERVICES, Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.scripts import write
from compute_conformance.verdicts import Inconclusive, Unsupported, expect, given

KEYS: Final = (b"", b"secret", b"0", b"\0" * 32, b"changeme", b"compute")
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
PATIENCE: Final = 3.0  # seconds that a token may outlive an expiration that is a second ahead
PAUSE: Final = 0.02


@check("CE-TOKEN-OTHERS")
def others(bench: Bench) -> None:
    """A start, a stop and a delete in one's name with another's token."""
    started = bench.start()
    victim, token = started.consumer, token_of(bench.consumer())
    stop_by(victim, token).refused(*HIDDEN)
    bench.send(by_token(victim.start_request(), token)).refused()
    request = victim.owned_request("DELETE", jobId=started.job_id)
    bench.send(by_token(request, token)).refused(*HIDDEN)


@check("CE-TOKEN-WRONG")
def wrong(bench: Bench) -> None:
    """Stops by texts that are no tokens, and by a token that is cut off or goes on."""
    consumer, token = consumer_and_token(bench)
    for text in ("token", "a.b.c", "..", token[:-4], token + "AAAA", token[1:], f"Bearer {token}x"):
        stop_by(consumer, text).refused(*HIDDEN)


@check("CE-TOKEN-CHANGED")
def changed(bench: Bench) -> None:
    """A token with the claims of another one of the same consumer, which lives longer."""
    consumer, token = consumer_and_token(bench)
    longer = token_of(consumer, tomorrow() + 60)
    head, _, signature = parts_of(token)
    stop_by(consumer, f"{head}.{parts_of(longer)[1]}.{signature}").refused(*HIDDEN)


@check("CE-TOKEN-ALG-NONE")
def alg_none(bench: Bench) -> None:
    """The claims of a good token under heads that name no algorithm, without a signature."""
    consumer, token = consumer_and_token(bench)
    for name in ("none", "None", "NONE"):
        head = encoded({"alg": name, "typ": "JWT"})
        stop_by(consumer, f"{head}.{parts_of(token)[1]}.").refused(*HIDDEN)


@check("CE-TOKEN-WEAK-KEY")
def weak_key(bench: Bench) -> None:
    """The claims of a good token, signed with empty and usual keys."""
    consumer, token = consumer_and_token(bench)
    said = f"{encoded({'typ': 'JWT', 'alg': 'HS256'})}.{parts_of(token)[1]}"
    for key in (*KEYS, consumer.address.encode()):
        signature = hmac.digest(key, said.encode(), hashlib.sha256)
        stop_by(consumer, f"{said}.{encoded(signature)}").refused(*HIDDEN)


@check("CE-TOKEN-EXPIRED")
def expired(bench: Bench) -> None:
    """A token until a full second that comes next: stops until that is past, a look, a download."""
    started = bench.start()
    consumer = started.consumer
    token = _short_lived(started)
    end = time.monotonic() + PATIENCE
    while (answer := stop_by(consumer, token)).status < 400 and time.monotonic() < end:
        threading.Event().wait(PAUSE)
    answer.refused(*HIDDEN)
    look = consumer.owned_request("GET", jobId=started.job_id)
    shows_nothing_private(bench.send(by_token(look, token)))
    bench.send(by_token(consumer.result_request(started.job_id), token)).refused(*HIDDEN)


def _short_lived(started: Started) -> str:
    """A token for the second in which the job was made, by the clock of the target, or the next."""
    created = started.first.get("dateCreated")
    try:
        second = int(float(str(created)))
    except ValueError:
        raise Inconclusive("a dateCreated in Unix seconds, to know the clock", created) from None
    answer = started.consumer.send(started.consumer.token_request(second + 1))
    return token_in(answer) if answer.status < 400 else token_of(started.consumer, second + 2)


# Revoking


def revoke(consumer: Consumer, token: str) -> Answer:
    """A signed revocation; Unsupported where the target has none."""
    return consumer.send(consumer.revocation_request(token)).offered()


@check("CE-TOKEN-REVOKE")
def revoked(bench: Bench) -> None:
    """A stop by token, the revocation, and a stop again."""
    consumer, token = consumer_and_token(bench)
    revoke(consumer, token).accepted()
    stop_by(consumer, token).refused(*HIDDEN)


@check("CE-TOKEN-REVOKE-MISSING")
def revoke_missing(bench: Bench) -> None:
    """A revocation that leaves the signature out, and a stop by token."""
    consumer, token = consumer_and_token(bench)
    request = consumer.revocation_request(token).but(signature=None)
    bench.send(request).offered().refused()
    taken(stop_by(consumer, token))


@check("CE-TOKEN-REVOKE-OTHERS")
def revoke_others(bench: Bench) -> None:
    """A revocation by another in the other's own name and in the owner's, and a stop by token."""
    consumer, token = consumer_and_token(bench)
    other = bench.consumer()
    other.nonce = consumer.nonce
    revoke(other, token).refused(*HIDDEN)
    forged = other.revocation_request(token, address=consumer.address)
    bench.send(forged).refused(*HIDDEN)
    taken(stop_by(consumer, token))


@check("CE-TOKEN-REVOKE-ONE")
def revoke_one(bench: Bench) -> None:
    """Two tokens of one consumer, of which one is revoked."""
    consumer, token = consumer_and_token(bench)
    other = token_of(consumer, tomorrow() + 60)
    with given("a revocation"):
        revoke(consumer, other).accepted()
    taken(stop_by(consumer, token))


@check("CE-TOKEN-REVOKE-AGAIN")
def revoke_again(bench: Bench) -> None:
    """Two revocations of one token."""
    consumer = bench.consumer()
    token = token_of(consumer)
    with given("a revocation"):
        revoke(consumer, token).accepted()
    answer = consumer.send(consumer.revocation_request(token))
    expect(answer.status < 500, "a refusal, or the word that it is done", answer)


@check("CE-TOKEN-REVOKE-SPELLING")
def revoke_spelling(bench: Bench) -> None:
    """A revoked token whose last letter has other bits where they do not count, or is padded."""
    consumer, token = consumer_and_token(bench)
    with given("a revocation"):
        revoke(consumer, token).accepted()
        stop_by(consumer, token).refused(*HIDDEN)
    place = LETTERS.find(token[-1])
    twins = [token[:-1] + LETTERS[place ^ bits] for bits in (1, 2, 3)]
    for spelled in (*twins, token + "=", token + "\t"):
        stop_by(consumer, spelled).refused(*HIDDEN)


@check("CE-TOKEN-RESTORE")
def restore(bench: Bench) -> None:
    """A token that is revoked and made again with the same expiration."""
    consumer, expiration = bench.consumer(), tomorrow()
    token = token_of(consumer, expiration)
    with given("a revocation"):
        revoke(consumer, token).accepted()
    taken(stop_by(consumer, token_of(consumer, expiration)))


# One call's leave in another


@check("CE-TOKEN-NO-HEIR")
def no_heir(bench: Bench) -> None:
    """Making and revoking tokens by token."""
    consumer = bench.consumer()
    token = token_of(consumer)
    bench.send(by_token(consumer.token_request(tomorrow() + 60), token)).refused()
    bench.send(by_token(consumer.revocation_request(token), token)).refused(*HIDDEN)


@check("CE-TOKEN-CREATE-REPLAY")
def create_replay(bench: Bench) -> None:
    """A createAuthToken, and the same again with a later expiration, which is not signed."""
    consumer = bench.consumer()
    request = consumer.token_request(tomorrow())
    with given("a token"):
        token_in(bench.send(request))
    bench.send(request.but(expiration=tomorrow() + 60)).refused()


@check("CE-TOKEN-CREATE-AS-REVOKE")
def create_as_revoke(bench: Bench) -> None:
    """A token, and its revocation with the signature by which it was made."""
    consumer = bench.consumer()
    request = consumer.token_request(tomorrow())
    with given("a token"):
        token = token_in(bench.send(request))
    told = {**request.query, "token": token}
    asked = Request("DELETE", f"{SERVICES}/deleteAuthToken", query=told)
    bench.send(asked).offered().refused()
    taken(stop_by(consumer, token))


@check("CE-TOKEN-STOP-AS-CREATE")
def stop_as_create(bench: Bench) -> None:
    """A stop of all jobs, and a createAuthToken with its signature."""
    consumer = bench.consumer()
    request = consumer.owned_request("PUT")
    with given("a stop of all jobs of somebody who has none"):
        bench.send(request).accepted()
    _made_of(bench, consumer, request, request.query["nonce"])


@check("CE-TOKEN-POLL-AS-CREATE")
def poll_as_create(bench: Bench) -> None:
    """Signed status queries, of all jobs and of one, and tokens with their signatures."""
    started = bench.start()
    consumer, job_id = started.consumer, started.job_id
    for named in ({}, {"jobId": job_id}):
        request = consumer.owned_request("GET", **named)
        if bench.send(request).status == 200:
            nonce = f"{named.get('jobId', '')}{request.query['nonce']}"
            _made_of(bench, consumer, request, nonce)


def _made_of(bench: Bench, consumer: Consumer, request: Request, nonce: str) -> None:
    signature = request.query["signature"]
    asked = consumer.token_request(tomorrow(), signature=signature, nonce=nonce)
    bench.send(asked).offered().refused()


@check("CE-TOKEN-NONCE")
def nonce(bench: Bench) -> None:
    """A stop by token with a great nonce, and a start of its owner with a small one."""
    consumer, token = consumer_and_token(bench)
    request = consumer.owned_request("PUT")
    bench.send(by_token(request, token).but(nonce=10**9))
    bench.accept(consumer.start(), consumer)


@check("CE-TOKEN-LATEST")
def latest(bench: Bench) -> None:
    """Two jobs that end one after the other, and downloads by token that name neither.

    The second one comes after another consumer's job, the third while a newer job runs.
    """
    consumer = bench.consumer()
    for text in ("the earlier one", "the later one"):
        algorithm = bench.profile.script(write("a.txt", text))
        bench.finished(bench.start(algorithm, consumer=consumer))
    token = token_of(consumer)
    answer = _unnamed(bench, consumer, token)
    if answer.status in {400, 404}:
        raise Unsupported("a download that names no job", answer)
    expect(answer.body == b"the later one\n", "the first result of the later job", answer)
    bench.finished(bench.start())
    answer = _unnamed(bench, consumer, token)
    expect(answer.body == b"the later one\n", "no other consumer's result", answer)
    bench.staying(consumer=consumer)
    answer = _unnamed(bench, consumer, token)
    expect(answer.body == b"the later one\n", "the result of a job that has ended", answer)


def _unnamed(bench: Bench, consumer: Consumer, token: str) -> Answer:
    return bench.send(by_token(consumer.result_request("").but(jobId=None), token))
