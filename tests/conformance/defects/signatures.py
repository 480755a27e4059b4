"""Servers that take signatures wrongly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import webob

from compute_conformance.assets import did_of
from compute_ref.http.fields import Text
from compute_ref.identity import callers, signatures
from compute_ref.identity.addresses import checksum_address, keccak256
from compute_ref.identity.callers import Caller, Callers, Credentials
from compute_ref.identity.curve import PublicKey
from compute_ref.identity.nonces import shown_nonce
from compute_ref.identity.signatures import recover
from compute_ref.jobs.index import JobFilter
from compute_ref.refusals import SignatureInvalid
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect


@defect("address-checksummed-before-verifying", "CE-SIGN-ADDRESS-CASE")
def address_checksummed(wrong: Wrong) -> None:
    proven = callers._proven

    def checksummed(sender: Credentials, *parts: str) -> str:
        return proven(replace(sender, consumer_address=sender.address), *parts)

    wrong.patch(callers, "_proven", checksummed)


@defect("last-byte-27-or-28-only", "CE-SIGN-RECOVERY", calls=2)
def last_byte(wrong: Wrong) -> None:
    wrong.patch(signatures, "RECOVERY", {27: 0, 28: 1})


def _pattern(wrong: Wrong, pattern: str) -> None:
    wrong.patch(signatures, "SIGNATURE", re.compile(pattern, re.DOTALL))


@defect("0x-demanded", "CE-SIGN-NO-0X")
def prefix_demanded(wrong: Wrong) -> None:
    _pattern(wrong, "0x([0-9a-fA-F]{130})")


@defect("small-hex-digits-only", "CE-SIGN-HEX-CASE")
def small_digits(wrong: Wrong) -> None:
    _pattern(wrong, "(?:0x)?([0-9a-f]{130})")


@defect("document-not-signed-in-stop", "CE-SIGN-STOP-PARTS", calls=2)
def stop_without_document(wrong: Wrong) -> None:
    right = Callers.stopping

    def without(
        self: Callers, sender: Any, job_id: str, document_id: str, first_run: Any
    ) -> Caller:
        return right(self, sender, job_id, "", first_run)

    wrong.patch(Callers, "stopping", without)


@defect("document-not-signed-in-delete", "CE-SIGN-DELETE-PARTS", calls=2)
def delete_without_document(wrong: Wrong) -> None:
    right = Callers.deleting

    def without(self: Callers, sender: Any, job_id: str, document_id: str, own: Any) -> Caller:
        return right(self, sender, job_id, "", own)

    wrong.patch(Callers, "deleting", without)


@defect("start-unsigned", "CE-SIGN-START-MISSING", kind=Kind.SECURITY)
def start_unsigned(wrong: Wrong) -> None:
    asked.unsigned(wrong, asked.START)


@defect("start-empty-signature-good", "CE-SIGN-START-EMPTY", kind=Kind.SECURITY)
def start_empty(wrong: Wrong) -> None:
    asked.unsigned(wrong, asked.START, empty=True)


@defect("start-signed-by-anybody", "CE-SIGN-START-OTHER-ACCOUNT", kind=Kind.SECURITY)
def start_by_anybody(wrong: Wrong) -> None:
    asked.unverified(wrong, asked.START)


@defect("start-signed-for-any-dataset", "CE-SIGN-START-OTHER-DATASET", kind=Kind.SECURITY)
def start_any_dataset(wrong: Wrong) -> None:
    dids = [did_of(role) for role in ("open", "second", "closed")]
    asked.tried(wrong, asked.START, lambda job, _, nonce: [(job, did, nonce) for did in dids])


def implied_nonce(wrong: Wrong, call: str) -> None:
    """Try the nonce that a client would use next, whatever was sent."""
    held: list[Callers] = []
    right = Callers.__init__

    def made(self: Callers, *told: Any, **options: Any) -> None:
        right(self, *told, **options)
        held.append(self)

    def others(*parts: str) -> list[tuple[str, ...]]:
        said = asked.ASKED.said
        address = checksum_address(said.get("consumerAddress") or said["address"])
        last = held[0]._book.last_nonce(address)
        return [(*parts[:-1], str(shown_nonce(last) + 1))]

    wrong.patch(Callers, "__init__", made)
    asked.tried(wrong, call, others)


@defect("start-signed-for-implied-nonce", "CE-SIGN-START-OTHER-NONCE", kind=Kind.SECURITY)
def startimplied_nonce(wrong: Wrong) -> None:
    implied_nonce(wrong, asked.START)


@defect("signature-error-is-an-object", "CE-SIGN-ERROR", kind=Kind.SHAPE)
def error_object(wrong: Wrong) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 400 and b'"signature"' in response.body:
            told = json.loads(response.body)
            told["errors"]["signature"] = {"code": "invalid", "given": "yours"}
            response.body = json.dumps(told).encode()

    wrong.answers(rewrite)


@defect("signature-may-go-on", "CE-SIGN-LENGTH")
def may_go_on(wrong: Wrong) -> None:
    _pattern(wrong, "(?:0x)?([0-9a-fA-F]{130})[0-9a-fA-F]*")


@defect("signature-no-hex-crashes", "CE-SIGN-HEX")
def no_hex(wrong: Wrong) -> None:
    _pattern(wrong, "(?:0x)?((?!0x)[ -~]{130})")


@defect("last-byte-by-parity", "CE-SIGN-RECOVERY-OTHER")
def by_parity(wrong: Wrong) -> None:
    parity = {byte: byte % 2 for byte in range(27)} | {byte: (byte - 27) % 2 for byte in (27, 28)}
    others = {byte: byte % 2 for byte in range(29, 256)}
    wrong.patch(signatures, "RECOVERY", parity | others)


@defect("signature-other-digits-crash", "CE-SIGN-DIGITS")
def other_digits(wrong: Wrong) -> None:
    _pattern(wrong, r"(?:0x)?([\da-fA-F]{130})")


@defect("signature-of-other-type-crashes", "CE-SIGN-TYPE")
def other_type(wrong: Wrong) -> None:
    right = Text._deserialize

    def unlooked(self: Text, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        return value if attr == "signature" else right(self, value, attr, data, **options)

    wrong.patch(Text, "_deserialize", unlooked)


@defect("signature-off-the-curve-crashes", "CE-SIGN-CURVE")
def off_the_curve(wrong: Wrong) -> None:
    class Keys:
        """Recovers keys, and does not expect that there is none."""

        @staticmethod
        def from_signature_and_message(*told: Any, **options: Any) -> PublicKey:
            try:
                return PublicKey.from_signature_and_message(*told, **options)
            except ValueError as error:
                raise RuntimeError("no point of the curve") from error

    wrong.patch(signatures, "PublicKey", Keys)


@defect("high-s-taken", "CE-SIGN-HIGH-S", kind=Kind.SECURITY)
def high_s(wrong: Wrong) -> None:
    wrong.patch(signatures, "HALF_ORDER", 2**256)


def _hash_alone(message: str) -> bytes:
    return keccak256(message.encode())


@defect("signature-without-prefix-taken", "CE-SIGN-SCHEME", kind=Kind.SECURITY)
def without_prefix(wrong: Wrong) -> None:
    def either(message: str, signature: str) -> str | None:
        with mock.patch.object(signatures, "signing_hash", _hash_alone):
            raw = recover(message, signature)
        address = asked.ASKED.said.get("consumerAddress")
        return raw if raw == address else recover(message, signature)

    asked.listen(wrong)
    wrong.patch(callers, "recover", either)


@defect("stop-unsigned", "CE-SIGN-STOP-MISSING", kind=Kind.SECURITY, calls=2)
def stop_unsigned(wrong: Wrong) -> None:
    asked.unsigned(wrong, asked.STOP)


@defect("stop-signed-by-anybody", "CE-SIGN-STOP-OTHER-ACCOUNT", kind=Kind.SECURITY, calls=2)
def stop_by_anybody(wrong: Wrong) -> None:
    asked.unverified(wrong, asked.STOP)


def any_own_job(wrong: Wrong, call: str) -> None:
    """Try the ids of all jobs of the consumer."""
    held: list[Callers] = []
    right = Callers.__init__

    def made(self: Callers, *told: Any, **options: Any) -> None:
        right(self, *told, **options)
        held.append(self)

    def others(*parts: str) -> list[tuple[str, ...]]:
        store: Any = held[0]._book
        owner = checksum_address(asked.ASKED.said["consumerAddress"])
        return [(job.job_id, *parts[1:]) for job in store.find(JobFilter(owner=owner))]

    wrong.patch(Callers, "__init__", made)
    asked.tried(wrong, call, others)


@defect("stop-signed-for-any-job", "CE-SIGN-STOP-OTHER-JOB", kind=Kind.SECURITY, calls=3)
def stop_any_job(wrong: Wrong) -> None:
    any_own_job(wrong, asked.STOP)


@defect(
    "stop-signed-with-or-without-document",
    "CE-SIGN-STOP-OTHER-DOCUMENT",
    kind=Kind.SECURITY,
    calls=2,
)
def stop_any_document(wrong: Wrong) -> None:
    asked.tried(wrong, asked.STOP, lambda job, _, nonce: [(job, nonce)])


@defect("stop-signed-for-implied-nonce", "CE-SIGN-STOP-OTHER-NONCE", kind=Kind.SECURITY, calls=2)
def stopimplied_nonce(wrong: Wrong) -> None:
    implied_nonce(wrong, asked.STOP)


@defect("delete-unsigned", "CE-SIGN-DELETE-MISSING", kind=Kind.SECURITY, calls=2)
def delete_unsigned(wrong: Wrong) -> None:
    asked.unsigned(wrong, asked.DELETE)


@defect("delete-signed-by-anybody", "CE-SIGN-DELETE-OTHER-ACCOUNT", kind=Kind.SECURITY, calls=2)
def delete_by_anybody(wrong: Wrong) -> None:
    asked.unverified(wrong, asked.DELETE)


@defect("delete-signed-for-any-job", "CE-SIGN-DELETE-OTHER-JOB", kind=Kind.SECURITY, calls=3)
def delete_any_job(wrong: Wrong) -> None:
    any_own_job(wrong, asked.DELETE)


@defect(
    "delete-signed-for-implied-nonce", "CE-SIGN-DELETE-OTHER-NONCE", kind=Kind.SECURITY, calls=2
)
def deleteimplied_nonce(wrong: Wrong) -> None:
    implied_nonce(wrong, asked.DELETE)


@defect("status-signed-by-anybody", "CE-SIGN-STATUS-WRONG", kind=Kind.SECURITY, calls=2)
def status_by_anybody(wrong: Wrong) -> None:
    asked.unverified(wrong, asked.STATUS)


@defect("status-wrong-signature-overlooked", "CE-SIGN-STATUS-REFUSED", calls=2)
def status_overlooked(wrong: Wrong) -> None:
    right: Callable[..., Caller | None] = Callers.reading

    def overlooked(self: Callers, *told: Any) -> Caller | None:
        try:
            return right(self, *told)
        except SignatureInvalid:
            return None

    wrong.patch(Callers, "reading", overlooked)
