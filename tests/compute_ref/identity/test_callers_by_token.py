"""Who is asking, by an AuthToken in place of a signature."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compute_ref.identity.callers import Callers, Credentials
from compute_ref.identity.tokens import Tokens
from compute_ref.refusals import Malformed, NonceUsed, SignatureInvalid
from compute_ref.testing.clock import MovedClock
from tests.compute_ref.identity.conftest import Signer

DID = "did:op:" + "2" * 64
JOB = "4d32947065bb46c8b87c1f7adfb7ed8g"
LIMIT = "9007199254740991"


def never() -> bool:
    raise AssertionError("asked without need")


def token_of(tokens: Tokens, signer: Signer, clock: MovedClock, nonce: str = "1") -> str:
    return tokens.issue(signer.claim(nonce), int(clock.now()) + 100)


def test_a_token_stands_for_a_signature_in_every_call(
    callers: Callers, signer: Signer, tokens: Tokens, clock: MovedClock
) -> None:
    sent = Credentials(signer.address.lower(), token=token_of(tokens, signer, clock))
    for caller in (
        callers.spending(sent, JOB, "0"),
        callers.stopping(sent, "", "", never),
        callers.deleting(sent, JOB, DID, never),
        callers.reading(sent, "", ""),
    ):
        assert caller is not None
        assert (caller.address, caller.claim, caller.by_token) == (signer.address, None, True)


def test_a_nonce_beside_a_token_is_compared_and_never_stored(
    callers: Callers, signer: Signer, tokens: Tokens, clock: MovedClock
) -> None:
    token = token_of(tokens, signer, clock, nonce="5")
    sent = Credentials(signer.address, nonce=LIMIT, token=token)
    assert callers.spending(sent, JOB, "0").claim is None
    assert callers.spending(signer.signed(DID, nonce="6"), "", DID).claim == signer.claim("6")
    with pytest.raises(NonceUsed):
        callers.spending(Credentials(signer.address, nonce="5", token=token), JOB, "0")
    assert callers.reading(Credentials(signer.address, nonce="5", token=token), "", "")
    with pytest.raises(Malformed, match="decimal"):
        callers.reading(Credentials(signer.address, nonce="-1", token=token), "", "")


def test_a_token_serves_its_own_address_only(
    callers: Callers, signer: Signer, other: Signer, tokens: Tokens, clock: MovedClock
) -> None:
    token = token_of(tokens, signer, clock)
    with pytest.raises(SignatureInvalid):
        callers.spending(Credentials(other.address, token=token), JOB, "0")


def test_a_signature_that_is_there_wins_over_a_token(
    callers: Callers, signer: Signer, other: Signer, tokens: Tokens, clock: MovedClock
) -> None:
    token = token_of(tokens, signer, clock)
    forged = replace(
        other.signed(JOB, DID, nonce="2"), consumer_address=signer.address, token=token
    )
    for ask in (callers.spending, callers.reading):
        with pytest.raises(SignatureInvalid):
            ask(forged, JOB, DID)
    good = replace(signer.signed(JOB, DID, nonce="2"), token="x")
    signed = callers.spending(good, JOB, DID)
    assert not signed.by_token
