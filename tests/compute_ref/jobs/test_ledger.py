"""What is accepted once: nonces, orders; and tokens that are revoked."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute_ref.assets.plan import Order
from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs.files import MemoryFile
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.ledger import SPARE, Ledger
from compute_ref.jobs.store import SUMMARIES
from compute_ref.jobs.tables import JournalDB, JournalStorage
from compute_ref.refusals import NonceUsed, Refused

ORDER = Order("0x1", "did:op:1", "compute", "0xA", 100.0, "dataset.serviceId", "order_invalid")


class Books:
    """A ledger in memory, with the storage whose batches it is used in."""

    def __init__(self) -> None:
        journal = Journal(
            MemoryFile(), summaries=SUMMARIES, watch=lambda table, key, entry: None, sync=False
        )
        self.storage = JournalStorage(journal)
        self.ledger = Ledger(JournalDB(storage=lambda: self.storage))


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def ledger(books: Books) -> Ledger:
    return books.ledger


def test_a_nonce_is_accepted_once_and_never_a_smaller_one(ledger: Ledger) -> None:
    ledger.spend(NonceClaim("0xA", "5.5"))
    for used in ("5.5", "5.50", "5.499", "5", "0.1"):
        with pytest.raises(NonceUsed):
            ledger.spend(NonceClaim("0xA", used))
    assert ledger.last_nonce("0xA") == "5.5"
    ledger.spend(NonceClaim("0xA", "5.500000000000000001"))
    assert ledger.last_nonce("0xA") == "5.500000000000000001"


def test_nonces_are_compared_as_numbers_not_as_texts_or_floats() -> None:
    rising = ("9", "10", "9007199254740990.1", "9007199254740990.11", "9007199254740991")
    for smaller, greater in pairwise(rising):
        books = Books()
        books.ledger.spend(NonceClaim("0xA", smaller))
        books.ledger.spend(NonceClaim("0xA", greater))
        with pytest.raises(NonceUsed):
            books.ledger.spend(NonceClaim("0xA", smaller))


def test_each_address_has_its_own_nonces(ledger: Ledger) -> None:
    ledger.spend(NonceClaim("0xA", "5"))
    assert ledger.last_nonce("0xB") is None
    ledger.spend(NonceClaim("0xB", "1"))
    assert (ledger.last_nonce("0xA"), ledger.last_nonce("0xB")) == ("5", "1")


def test_a_call_without_a_nonce_spends_none(ledger: Ledger) -> None:
    ledger.spend(None)
    assert ledger.last_nonce("0xA") is None


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.decimals(0, 50, places=2), max_size=12))
def test_of_any_nonces_those_are_accepted_that_exceed_all_before(nonces: list[object]) -> None:
    ledger, accepted = Books().ledger, list[str]()
    for nonce in map(str, nonces):
        try:
            ledger.spend(NonceClaim("0xA", nonce))
        except NonceUsed:
            assert float(nonce) <= float(accepted[-1])
        else:
            assert not accepted or float(nonce) > float(accepted[-1])
            accepted.append(nonce)
            assert ledger.last_nonce("0xA") == nonce


def test_an_order_pays_for_what_it_was_first_used_for_and_nothing_else(ledger: Ledger) -> None:
    assert not ledger.refuses(ORDER, 1_000.0)
    ledger.bind([ORDER], 1_000.0)
    ledger.bind([ORDER], 1_050.0)
    for other in (
        replace(ORDER, document_id="did:op:2"),
        replace(ORDER, service_id="access"),
        replace(ORDER, consumer="0xB"),
    ):
        assert ledger.refuses(other, 1_000.0)
        with pytest.raises(Refused) as refused:
            ledger.bind([other], 1_000.0)
        assert refused.value.reason == {"dataset.serviceId": "order_invalid"}


def test_an_order_lasts_from_its_first_use_on(ledger: Ledger) -> None:
    ledger.bind([ORDER], 1_000.0)
    ledger.bind([ORDER], 1_100.0)
    assert not ledger.refuses(ORDER, 1_100.0)
    assert ledger.refuses(ORDER, 1_100.5)
    assert not ledger.refuses(replace(ORDER, lifetime=0), 10.0**9)  # 0 is for ever


def test_the_shortest_time_that_an_order_may_last_is_a_time(ledger: Ledger) -> None:
    short = replace(ORDER, lifetime=1.0)
    ledger.bind([short], 1_000.0)
    assert not ledger.refuses(short, 1_001.0)
    assert ledger.refuses(short, 1_001.5)


def test_what_is_spent_is_found_by_a_later_server_under_the_same_names(books: Books) -> None:
    books.ledger.spend(NonceClaim("0xA", "5"))
    books.ledger.bind([ORDER], 1_000.0)
    document = books.storage.journal.document
    assert document("nonces", "0xA") == {"nonce": "5"}
    assert document("orders", "0x1") == {
        "documentId": "did:op:1",
        "serviceId": "compute",
        "consumer": "0xA",
        "firstUsed": 1_000.0,
    }


def test_asking_about_an_order_binds_nothing(ledger: Ledger) -> None:
    assert not ledger.refuses(ORDER, 1_000.0)
    ledger.bind([replace(ORDER, consumer="0xB")], 1_000.0)
    assert ledger.refuses(ORDER, 1_000.0)


def test_of_several_orders_none_is_bound_where_one_cannot_be(books: Books) -> None:
    books.ledger.bind([ORDER], 1_000.0)
    taken = replace(ORDER, consumer="0xB", resource="algorithm.serviceId")
    fresh = replace(ORDER, transaction="0x2", consumer="0xB")
    with pytest.raises(Refused, match="algorithm.serviceId"), books.storage.batch():
        books.ledger.bind([fresh, taken], 1_000.0)
    assert not books.ledger.refuses(replace(fresh, consumer="0xC"), 1_000.0)


def test_a_token_is_revoked_until_it_is_restored(ledger: Ledger) -> None:
    ledger.revoke("t", 2_000.0)
    assert ledger.is_revoked("t")
    assert not ledger.is_revoked("u")
    ledger.restore("t")
    ledger.restore("u")
    assert not ledger.is_revoked("t")


def test_a_revocation_is_forgotten_when_its_token_has_expired_for_sure(books: Books) -> None:
    books.ledger.revoke("early", 2_000.0)
    books.ledger.revoke("late", 2_000.5)
    books.ledger.forget_tokens(2_000.0 + SPARE)
    assert books.ledger.is_revoked("early")
    books.ledger.forget_tokens(2_000.25 + SPARE)
    assert not books.ledger.is_revoked("early")
    assert books.ledger.is_revoked("late")
    records = books.storage.journal.ticket
    books.ledger.forget_tokens(2_000.25 + SPARE)
    assert books.storage.journal.ticket == records, "nothing to forget is nothing to write"


def test_a_message_is_used_until_its_job_is_gone(ledger: Ledger) -> None:
    ledger.use("d1", "job a")
    ledger.use("d2", "job a")
    assert (ledger.used("d1"), ledger.used("d2"), ledger.used("d3")) == (True, True, False)
    ledger.forget(["d1"])
    assert (ledger.used("d1"), ledger.used("d2")) == (False, True)
