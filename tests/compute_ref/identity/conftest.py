"""An account, the book of nonces and tokens, and who tells callers by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from compute_ref.identity.callers import Callers, Credentials
from compute_ref.identity.keys import Account
from compute_ref.identity.nonces import NonceClaim
from compute_ref.identity.tokens import Tokens
from compute_ref.jobs.store import Store
from compute_ref.testing.clock import MovedClock

LIFETIME = 1000


class Signer:
    """A consumer who signs what it is told to."""

    def __init__(self) -> None:
        self.account = Account.create()
        self.address = self.account.address

    def signed(self, *parts: str, nonce: str = "") -> Credentials:
        """Credentials over address, parts and nonce."""
        signature = self.account.sign("".join((self.address, *parts, nonce)))
        return Credentials(self.address, signature, nonce)

    def claim(self, nonce: str) -> NonceClaim:
        return NonceClaim(self.address, nonce)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def book(clock: MovedClock) -> Iterator[Store]:
    store = Store.in_memory(clock)
    yield store
    store.close()


@pytest.fixture
def tokens(clock: MovedClock, book: Store) -> Tokens:
    return Tokens(b"s" * 32, clock, book, LIFETIME)


@pytest.fixture
def callers(book: Store, tokens: Tokens) -> Callers:
    return Callers(book, tokens, legacy=True)


@pytest.fixture
def strict(book: Store, tokens: Tokens) -> Callers:
    """Tells callers with what ocean.js 3.x signs switched off."""
    return Callers(book, tokens, legacy=False)


@pytest.fixture
def signer() -> Signer:
    return Signer()


@pytest.fixture
def other() -> Signer:
    return Signer()


@pytest.fixture
def spend(book: Store, signer: Signer) -> Callable[[str], None]:
    """Spend a nonce of the signer's as an accepted call does."""

    def spend(nonce: str) -> None:
        book.restore("unknown token", signer.claim(nonce))

    return spend
