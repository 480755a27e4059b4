"""AuthTokens: made for a while, revoked, made again; and forged."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from compute_ref.identity.tokens import Tokens, token_id
from compute_ref.jobs.store import Store
from compute_ref.refusals import Malformed, NonceUsed, Refused
from compute_ref.testing.clock import MovedClock
from tests.compute_ref.identity.conftest import LIFETIME, Signer

SECRET = b"s" * 32


@pytest.fixture
def until(clock: MovedClock) -> int:
    return int(clock.now()) + 100


def test_a_token_carries_expiry_and_address_and_nothing_else(
    tokens: Tokens, signer: Signer, until: int
) -> None:
    token = tokens.issue(signer.claim("1"), until)
    claims = jwt.decode(token, SECRET, ["HS256"], options={"verify_exp": False})
    assert claims == {"exp": until, "address": signer.address}
    assert jwt.get_unverified_header(token)["alg"] == "HS256"


def test_a_token_opens_for_its_address_until_it_expires(
    tokens: Tokens, signer: Signer, other: Signer, clock: MovedClock, until: int
) -> None:
    token = tokens.issue(signer.claim("1"), until)
    assert tokens.opens(token, signer.address)
    assert not tokens.opens(token, other.address)
    clock.advance(99)
    assert tokens.opens(token, signer.address)
    clock.advance(1)
    assert not tokens.opens(token, signer.address)


@pytest.mark.parametrize("ahead", [-1, 0, 1001, 10**18])
def test_a_lifetime_out_of_bounds_is_malformed_and_spends_nothing(
    tokens: Tokens, signer: Signer, clock: MovedClock, book: Store, ahead: int
) -> None:
    with pytest.raises(Malformed) as refused:
        tokens.issue(signer.claim("1"), int(clock.now()) + ahead)
    sentence = "The expiration must be a Unix time in the future, at most 1000 seconds ahead."
    assert refused.value.errors == {"expiration": [sentence]}
    assert book.last_nonce(signer.address) is None


def test_the_longest_lifetime_may_be_had(tokens: Tokens, signer: Signer, clock: MovedClock) -> None:
    token = tokens.issue(signer.claim("1"), int(clock.now()) + LIFETIME)
    assert tokens.opens(token, signer.address)


def test_a_revocation_is_remembered_until_its_token_has_expired(
    tokens: Tokens, signer: Signer, clock: MovedClock, book: Store, until: int
) -> None:
    revoked = token_id({"exp": until, "address": signer.address})
    tokens.revoke(tokens.issue(signer.claim("1"), until), signer.claim("2"))
    book.forget_tokens()
    assert book.is_revoked(revoked)
    clock.advance(10**7)
    book.forget_tokens()
    assert not book.is_revoked(revoked)


def test_making_and_revoking_spend_their_nonces(
    tokens: Tokens, signer: Signer, until: int, book: Store
) -> None:
    token = tokens.issue(signer.claim("1"), until)
    with pytest.raises(NonceUsed):
        tokens.issue(signer.claim("1"), until)
    tokens.revoke(token, signer.claim("2"))
    assert book.last_nonce(signer.address) == "2"


def test_a_revoked_token_opens_nothing_until_it_is_made_again(
    tokens: Tokens, signer: Signer, until: int
) -> None:
    token = tokens.issue(signer.claim("1"), until)
    tokens.revoke(token, signer.claim("2"))
    assert not tokens.opens(token, signer.address)
    assert tokens.issue(signer.claim("3"), until) == token
    assert tokens.opens(token, signer.address)


def test_a_used_nonce_brings_no_revoked_token_back(
    tokens: Tokens, signer: Signer, until: int
) -> None:
    token = tokens.issue(signer.claim("1"), until)
    tokens.revoke(token, signer.claim("2"))
    with pytest.raises(NonceUsed):
        tokens.issue(signer.claim("2"), until)
    assert not tokens.opens(token, signer.address)


def test_only_its_address_revokes_a_token_and_only_once(
    tokens: Tokens, signer: Signer, other: Signer, clock: MovedClock, until: int, book: Store
) -> None:
    token = tokens.issue(signer.claim("1"), until)
    with pytest.raises(Refused, match=r"^Token is invalid\.$"):
        tokens.revoke(token, other.claim("1"))
    assert book.last_nonce(other.address) is None
    tokens.revoke(token, signer.claim("2"))
    with pytest.raises(Refused, match=r"^Token is deleted\.$"):
        tokens.revoke(token, signer.claim("3"))
    clock.advance(100)
    with pytest.raises(Refused, match=r"^Token is expired\.$"):
        tokens.revoke(token, signer.claim("3"))
    assert book.last_nonce(signer.address) == "2"


def test_another_servers_token_opens_nothing(
    tokens: Tokens, signer: Signer, clock: MovedClock, book: Store, until: int
) -> None:
    token = Tokens(b"t" * 32, clock, book, 1000).issue(signer.claim("1"), until)
    assert not tokens.opens(token, signer.address)


def part(content: object) -> str:
    text = json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def forgeries(address: str, until: int) -> list[str]:
    claims = {"exp": until, "address": address}
    good = jwt.encode(claims, SECRET, "HS256")
    header, body, signature = good.split(".")
    return [
        "",
        ".",
        "a.b.c",
        good[:-4],
        "\ud800",
        "ü" + good,
        good + "." + signature,
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.{signature}",
        f"{header}.{part(claims | {'exp': until + 1})}.{signature}",
        jwt.encode(claims, SECRET * 2, "HS512"),
        jwt.encode({"address": address}, SECRET, "HS256"),
        jwt.encode({"exp": until}, SECRET, "HS256"),
        jwt.encode({"exp": until, "address": [address]}, SECRET, "HS256"),
        f"{part([])}.{body}.{signature}",
        "[" * 100_000,
    ]


@pytest.mark.parametrize("number", range(16))
def test_a_forged_token_opens_nothing(
    tokens: Tokens, signer: Signer, until: int, number: int
) -> None:
    forged = forgeries(signer.address, until)
    assert len(forged) == 16
    assert not tokens.opens(forged[number], signer.address)
    with pytest.raises(Refused, match=r"^Token is invalid\.$"):
        tokens.revoke(forged[number], signer.claim("1"))


def test_no_other_spelling_of_a_revoked_token_opens(
    tokens: Tokens, signer: Signer, until: int
) -> None:
    token = tokens.issue(signer.claim("1"), until)
    tokens.revoke(token, signer.claim("2"))
    header, body, signature = token.split(".")
    spellings = [token + "=", token + "\n", " " + token, f"{header}.{body}.{signature}=="]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spellings += [token[:-1] + letter for letter in alphabet]
    assert [text for text in spellings if tokens.opens(text, signer.address)] == []
