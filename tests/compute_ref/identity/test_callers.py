"""Who is asking: each promise of the signing scheme, and each attack on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from unittest.mock import Mock

import pytest

from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.signatures import message_digest, recover
from compute_ref.identity.tokens import Tokens
from compute_ref.jobs.store import Store
from compute_ref.refusals import Malformed, NonceUsed, SignatureInvalid
from tests.compute_ref.identity.conftest import Signer

DID = "did:op:" + "2" * 64
JOB = "4d32947065bb46c8b87c1f7adfb7ed8g"
LIMIT = "9007199254740991"
NO_LIST = (
    "^A signature opens the signed view of one job: send its jobId too, or an AuthToken for a list,"
    r" or no signature for the public view\.$"
)


def yes() -> bool:
    return True


def no() -> bool:
    return False


def never() -> bool:
    raise AssertionError("asked without need")


# A call that spends its nonce


def test_a_signature_over_what_was_sent_proves_its_sender(callers: Callers, signer: Signer) -> None:
    caller = callers.spending(signer.signed(JOB, DID, nonce="7"), JOB, DID)
    assert caller.address == signer.address
    assert caller.claim == signer.claim("7")
    assert not caller.by_token


def test_the_address_is_signed_as_sent_and_counted_in_one_case(
    callers: Callers, signer: Signer, spend: Callable[[str], None]
) -> None:
    lower = signer.address.lower()
    sent = Credentials(lower, signer.account.sign(lower + DID + "2"), "2")
    assert callers.spending(sent, "", DID).claim == signer.claim("2")
    spend("2")
    with pytest.raises(NonceUsed):  # another case is no other account
        callers.spending(sent, "", DID)


def test_a_signature_moved_to_a_recased_address_is_nobodys(
    callers: Callers, signer: Signer
) -> None:
    for cased in (signer.address.lower(), "0x" + signer.address[2:].upper()):
        with pytest.raises(SignatureInvalid):
            callers.spending(
                replace(signer.signed(DID, nonce="2"), consumer_address=cased), "", DID
            )


def test_another_accounts_signature_proves_nothing(
    callers: Callers, signer: Signer, other: Signer
) -> None:
    stolen = replace(other.signed(DID, nonce="2"), consumer_address=signer.address)
    with pytest.raises(SignatureInvalid):
        callers.spending(stolen, "", DID)


@pytest.mark.parametrize("nonce", ["7.0", "70", "8", "6.9"])
def test_the_nonce_is_signed_as_it_is_written(callers: Callers, signer: Signer, nonce: str) -> None:
    with pytest.raises(SignatureInvalid):
        callers.spending(replace(signer.signed(DID, nonce="7"), nonce=nonce), "", DID)


@pytest.mark.parametrize("nonce", ["07", "7 ", "+7", "7e0", "0", "9007199254740992", "\u0667"])
def test_a_malformed_nonce_is_refused_also_when_it_is_signed(
    callers: Callers, signer: Signer, nonce: str
) -> None:
    with pytest.raises(Malformed) as refused:
        callers.spending(signer.signed(DID, nonce=nonce), "", DID)
    assert list(refused.value.errors) == ["nonce"]


@pytest.mark.parametrize("nonce", ["7", "7.0", "7.000000000000000000", "6.9", "1"])
def test_only_a_greater_nonce_is_taken(
    callers: Callers, signer: Signer, spend: Callable[[str], None], nonce: str
) -> None:
    spend("7")
    with pytest.raises(NonceUsed):
        callers.spending(signer.signed(DID, nonce=nonce), "", DID)
    claim = callers.spending(signer.signed(DID, nonce="7.01"), "", DID).claim
    assert claim is not None
    assert claim.nonce == "7.01"


def test_a_wrong_signature_is_told_before_an_old_nonce(
    callers: Callers, signer: Signer, spend: Callable[[str], None]
) -> None:
    spend("7")
    with pytest.raises(SignatureInvalid):
        callers.spending(signer.signed("other", nonce="7"), "", DID)


@pytest.mark.parametrize(
    ("missing", "field"), [({"signature": ""}, "signature"), ({"nonce": ""}, "nonce")]
)
def test_what_is_missing_is_named_in_the_words_that_clients_know(
    callers: Callers, signer: Signer, missing: dict[str, str], field: str
) -> None:
    with pytest.raises(Malformed) as refused:
        callers.spending(replace(signer.signed(DID, nonce="2"), **missing), "", DID)
    assert refused.value.errors == {field: [f"The {field} field is required."]}


def test_asking_spends_nothing(callers: Callers, signer: Signer, book: Store) -> None:
    callers.spending(signer.signed(DID, nonce="2"), "", DID)
    assert book.last_nonce(signer.address) is None


# What one signature must not open besides


def test_a_poll_is_no_token_no_start_and_no_stop_of_all(callers: Callers, signer: Signer) -> None:
    poll = signer.signed(JOB, DID, nonce="9")
    assert callers.reading(poll, JOB, DID) is not None
    for parts in ((), ("", DID), ("", JOB), (JOB, "0")):
        with pytest.raises(SignatureInvalid):
            callers.spending(poll, *parts)
    with pytest.raises(SignatureInvalid):
        callers.stopping(poll, "", "", never)


def test_a_call_may_name_no_job_at_all(callers: Callers, signer: Signer) -> None:
    assert callers.spending(signer.signed(nonce="9")).claim == signer.claim("9")


def test_a_signature_without_a_job_opens_no_list(callers: Callers, signer: Signer) -> None:
    with pytest.raises(SignatureInvalid, match=NO_LIST):
        callers.reading(signer.signed(nonce="9"), "", "")
    with pytest.raises(SignatureInvalid, match="jobId"):
        callers.reading(signer.signed(DID, nonce="9"), "", DID)


def test_a_stop_is_no_delete_once_its_nonce_is_spent(
    callers: Callers, signer: Signer, spend: Callable[[str], None]
) -> None:
    stop = signer.signed(JOB, DID, nonce="9")
    assert callers.stopping(stop, JOB, DID, yes).claim == signer.claim("9")
    spend("9")
    with pytest.raises(NonceUsed):
        callers.deleting(stop, JOB, DID, yes)


def test_a_download_is_signed_with_its_index(callers: Callers, signer: Signer) -> None:
    download = signer.signed(JOB, "0", nonce="4")
    assert callers.spending(download, JOB, "0").claim == signer.claim("4")
    for other_index in ("", "1", "00"):
        with pytest.raises(SignatureInvalid):
            callers.spending(download, JOB, other_index)


class UsedMessages:
    """A book in which one message has paid already."""

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def last_nonce(self, address: str) -> str | None:
        return "3"

    def message_used(self, digest: str) -> bool:
        return digest == self.digest


def test_a_message_that_paid_once_is_refused_however_it_is_split(
    callers: Callers, signer: Signer, tokens: Tokens
) -> None:
    used = callers.spending(signer.signed(JOB, "12", nonce="3"), JOB, "12").digest
    late = Callers(UsedMessages(used), tokens, legacy=True)
    assert late.spending(signer.signed(JOB, "1", nonce="24"), JOB, "1").claim
    for further, nonce in (("1", "23"), ("", "123")):
        shifted = signer.signed(JOB, further, nonce=nonce)
        with pytest.raises(NonceUsed):
            late.spending(shifted, JOB, further)
        with pytest.raises(NonceUsed):
            late.deleting(shifted, JOB, further, yes)


# What ocean.js 3.x signs (reading R5)


def test_a_delete_without_a_nonce_spends_the_implied_one(
    callers: Callers, signer: Signer, spend: Callable[[str], None]
) -> None:
    first = signer.signed(JOB, DID, nonce="2")
    sent = Credentials(signer.address, first.signature)
    assert callers.deleting(sent, JOB, DID, yes).claim == signer.claim("2")
    spend("7.5")
    late = Credentials(signer.address, signer.signed(JOB, DID, nonce="9").signature)
    assert callers.deleting(late, JOB, DID, yes).claim == signer.claim("9")
    with pytest.raises(SignatureInvalid):
        callers.deleting(sent, JOB, DID, yes)


@pytest.mark.parametrize("case", ["not own job", "no job", "switched off"])
def test_an_implied_nonce_counts_for_an_own_job_only(
    callers: Callers, strict: Callers, signer: Signer, case: str
) -> None:
    asked = strict if case == "switched off" else callers
    job_id = "" if case == "no job" else JOB
    signature = signer.signed(job_id, DID, nonce="2").signature
    with pytest.raises(Malformed) as refused:
        asked.deleting(Credentials(signer.address, signature), job_id, DID,
                       no if case == "not own job" else yes)  # fmt: skip
    assert list(refused.value.errors) == ["nonce"]


def test_a_stop_signed_without_nonce_spends_none_and_locks_nobody_out(
    callers: Callers, signer: Signer
) -> None:
    sent = replace(signer.signed(JOB), nonce=LIMIT)
    caller = callers.stopping(sent, JOB, DID, yes)
    assert caller == Caller(signer.address, None, message_digest(signer.address + JOB).hex())


def test_a_stop_signed_without_nonce_ends_with_the_first_run(
    callers: Callers, strict: Callers, signer: Signer
) -> None:
    sent = Credentials(signer.address, signer.account.sign(signer.address + JOB), "2")
    for asked, first_run in ((callers, no), (strict, yes)):
        with pytest.raises(SignatureInvalid):
            asked.stopping(sent, JOB, DID, first_run)


def test_a_stop_signed_without_nonce_deletes_nothing(callers: Callers, signer: Signer) -> None:
    sent = Credentials(signer.address, signer.account.sign(signer.address + JOB), "2")
    with pytest.raises(SignatureInvalid):
        callers.deleting(sent, JOB, "", yes)
    with pytest.raises(SignatureInvalid):
        callers.deleting(Credentials(signer.address, sent.signature), JOB, "", yes)


def test_an_address_alone_signed_stops_nothing(callers: Callers, signer: Signer) -> None:
    sent = Credentials(signer.address, signer.account.sign(signer.address), "2")
    with pytest.raises(SignatureInvalid):
        callers.stopping(sent, "", "", never)


# Reading (reading R4)


def test_parallel_polls_do_not_refuse_each_other(
    callers: Callers, signer: Signer, spend: Callable[[str], None]
) -> None:
    spend("9")
    for nonce in ("3", "9", ""):
        caller = callers.reading(signer.signed(JOB, DID, nonce=nonce), JOB, DID)
        message = message_digest(f"{signer.address}{JOB}{DID}{nonce}").hex()
        assert caller == Caller(signer.address, None, message)


def test_a_polls_nonce_is_signed_and_well_written(callers: Callers, signer: Signer) -> None:
    with pytest.raises(SignatureInvalid):
        callers.reading(replace(signer.signed(JOB, nonce="9"), nonce="10"), JOB, "")
    with pytest.raises(Malformed, match="decimal"):
        callers.reading(signer.signed(JOB, nonce="x"), JOB, "")


@pytest.mark.parametrize(("job_id", "looks"), [(JOB, 1), ("x" * 10_000, 3)])
def test_a_reader_is_proved_once_and_long_ids_are_not_kept(
    callers: Callers, signer: Signer, monkeypatch: pytest.MonkeyPatch, job_id: str, looks: int
) -> None:
    looked = Mock(wraps=recover)
    monkeypatch.setattr("compute_ref.identity.callers.recover", looked)
    sent = signer.signed(job_id, nonce="9")
    for token in ("", "a", "b"):
        caller = callers.reading(replace(sent, token=token), job_id, "")
        assert caller is not None
        assert caller.address == signer.address
    assert looked.call_count == looks


def test_who_proves_nothing_is_nobody(callers: Callers, signer: Signer) -> None:
    assert callers.reading(Credentials(signer.address), JOB, "") is None


@pytest.mark.parametrize(
    "wrong",
    [{"signature": "0x"}, {"signature": "0x" + "11" * 65}, {"signature": "", "token": "x"}],
)
def test_a_wrong_proof_is_never_taken_for_none(
    callers: Callers, signer: Signer, wrong: dict[str, str]
) -> None:
    with pytest.raises(SignatureInvalid):
        callers.reading(replace(signer.signed(JOB, nonce="2"), **wrong), JOB, "")
    with pytest.raises(SignatureInvalid):
        callers.spending(replace(signer.signed(JOB, nonce="2"), **wrong), JOB)
