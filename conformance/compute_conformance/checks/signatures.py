"""What is signed, how it is written, and whose leave it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.signing import ORDER, keccak256
from compute_conformance.verdicts import Unsupported, expect, given

IDENTITY: Final = (400, 401, 403)  # how a sender is refused
HIDDEN: Final = (*IDENTITY, 404)  # or told nothing of the job


def taken(answer: Answer) -> None:
    """The sender is not refused; what else the answer says is another's question."""
    expect(answer.status not in IDENTITY, "the signature to be taken", answer)


def document_id(bench: Bench) -> str:
    """The main dataset of all ordinary jobs."""
    return str(bench.profile.dataset("open")["documentId"])


# What a signature is


@check("CE-SIGN-ADDRESS-CASE")
def address_case(bench: Bench) -> None:
    """A start whose consumerAddress is in small letters, signed so."""
    consumer = bench.consumer()
    bench.accept(consumer.start(consumerAddress=consumer.address.lower()), consumer)


@check("CE-SIGN-RECOVERY")
def recovery(bench: Bench) -> None:
    """Stops of one job, until each of the four last bytes was sent."""
    started = bench.start(nonce=11)
    left = {0, 1, 27, 28}
    while left:
        request = stop_request(started.consumer, started.job_id)
        signature = request.query["signature"]
        parity = int(signature[-2:], 16) - 27
        for byte in sorted(left & {parity, parity + 27})[:1]:
            left.remove(byte)
            taken(bench.send(request.but(signature=f"{signature[:-2]}{byte:02x}")))


def stop_request(consumer: Consumer, job_id: str) -> Request:
    """A signed stop of one job."""
    return consumer.owned_request("PUT", jobId=job_id)


@check("CE-SIGN-NO-0X")
def without_prefix(bench: Bench) -> None:
    """A start whose signature begins with its first digit."""
    _start_with(bench, lambda signature: signature.removeprefix("0x"))


@check("CE-SIGN-HEX-CASE")
def hex_case(bench: Bench) -> None:
    """A start whose signature is in capitals."""
    _start_with(bench, lambda signature: "0x" + signature[2:].upper())


def _start_with(bench: Bench, spelled: Callable[[str], str]) -> None:
    consumer = bench.consumer()
    request = consumer.start_request()
    answer = bench.send(request.but(signature=spelled(request.json["signature"])))
    bench.accept(answer, consumer)


@check("CE-SIGN-STOP-PARTS")
def stop_parts(bench: Bench) -> None:
    """A stop that names job and document."""
    started = bench.start()
    taken(started.consumer.stop(jobId=started.job_id, documentId=document_id(bench)))


@check("CE-SIGN-DELETE-PARTS")
def delete_parts(bench: Bench) -> None:
    """A delete that names job and document."""
    started = bench.start()
    taken(started.consumer.delete(jobId=started.job_id, documentId=document_id(bench)))


# What starts a job


@check("CE-SIGN-START-MISSING")
def start_missing(bench: Bench) -> None:
    """A start that leaves the signature out."""
    consumer = bench.consumer()
    bench.send(consumer.start_request().but(signature=None)).refused()


@check("CE-SIGN-START-EMPTY")
def start_empty(bench: Bench) -> None:
    """A start whose signature is a text of no characters."""
    _refused_with(bench, lambda _: "")


@check("CE-SIGN-START-OTHER-ACCOUNT")
def start_other_account(bench: Bench) -> None:
    """A start in the name of one consumer, signed by another."""
    victim, other = bench.consumer(), bench.consumer()
    bench.send(other.start_request(consumerAddress=victim.address)).refused()


@check("CE-SIGN-START-OTHER-DATASET")
def start_other_dataset(bench: Bench) -> None:
    """A start on one dataset, signed for another, and for none."""
    consumer = bench.consumer()
    other = bench.profile.dataset("second")["documentId"]
    request = consumer.start_request()
    bench.send(request.but(**consumer.signed(consumer.address, other))).refused()
    bench.send(request.but(**consumer.signed(consumer.address))).refused()


@check("CE-SIGN-START-OTHER-NONCE")
def start_other_nonce(bench: Bench) -> None:
    """A start with a greater nonce than the signed one."""
    consumer = bench.consumer()
    request = consumer.start_request()
    bench.send(request.but(nonce=consumer.next_nonce())).refused()


@check("CE-SIGN-ERROR")
def error(bench: Bench) -> None:
    """What is said of a start that another account signed."""
    victim, other = bench.consumer(), bench.consumer()
    request = other.start_request(consumerAddress=victim.address)
    with given("a refusal"):
        refusal = bench.send(request).refused()
    if "errors" not in refusal:
        raise Unsupported("a validation error that names the signature", refusal)
    told = (refusal["errors"] or {}).get("signature")
    texts = [told] if isinstance(told, str) else told
    fits = isinstance(texts, list) and all(isinstance(text, str) and text for text in texts)
    expect(fits and texts, "a text, or a list of texts, as errors.signature", refusal)


# What is no signature


@check("CE-SIGN-LENGTH")
def length(bench: Bench) -> None:
    """Starts whose signature is cut off, or goes on."""
    for spelled in (lambda s: s[:-2], lambda s: s[:-1], lambda s: s[:2], lambda s: s + "00"):
        _refused_with(bench, spelled)


@check("CE-SIGN-HEX")
def hexadecimal(bench: Bench) -> None:
    """Starts whose signature has a letter, or a space, where a digit should be."""
    _refused_with(bench, lambda signature: signature[:40] + "g" + signature[41:])
    _refused_with(bench, lambda signature: signature[:40] + " " + signature[41:])
    _refused_with(bench, lambda _: "signed, sealed, delivered")


@check("CE-SIGN-RECOVERY-OTHER")
def recovery_other(bench: Bench) -> None:
    """Starts whose last byte is even or odd as it should be, and still none of the four."""
    for even in (2, 24, 30, 36, 254):
        _refused_with(bench, partial(_ending, even=even))


def _ending(signature: str, even: int) -> str:
    odd = int(signature[-2:], 16) - 27
    return f"{signature[:-2]}{even + odd:02x}"


@check("CE-SIGN-DIGITS")
def digits(bench: Bench) -> None:
    """A start whose signature has its digits in Arabic-Indic script."""
    arabic = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    _refused_with(bench, lambda signature: "0x" + signature[2:].translate(arabic))


@check("CE-SIGN-TYPE")
def value_type(bench: Bench) -> None:
    """Starts whose signature is something else than a text."""
    spellings: Iterable[Callable[[str], Any]] = (
        lambda signature: int(signature, 16),
        lambda signature: [signature],
        lambda signature: {"signature": signature},
        lambda _: True,
    )
    for spelled in spellings:
        _refused_with(bench, spelled)


@check("CE-SIGN-CURVE")
def curve(bench: Bench) -> None:
    """Starts whose r or s is 0, the order, or the greatest number of 32 bytes."""
    for number in (0, ORDER, 2**256 - 1):
        _refused_with(bench, partial(_with_number, number=number, at=2))
        _refused_with(bench, partial(_with_number, number=number, at=66))


def _with_number(signature: str, number: int, at: int) -> str:
    return f"{signature[:at]}{number:064x}{signature[at + 64 :]}"


@check("CE-SIGN-HIGH-S")
def high_s(bench: Bench) -> None:
    """A start with the other signature that recovers the same key."""

    def twin(signature: str) -> str:
        s, last = int(signature[66:130], 16), int(signature[130:], 16)
        return f"{signature[:66]}{ORDER - s:064x}{55 - last:02x}"

    _refused_with(bench, twin)


@check("CE-SIGN-SCHEME")
def scheme(bench: Bench) -> None:
    """Starts signed over the digest without a prefix, and over the text without its digest."""
    consumer = bench.consumer()
    nonce = consumer.next_nonce()
    message = f"{consumer.address}{document_id(bench)}{nonce}".encode()
    text = b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message
    for digest in (keccak256(message), keccak256(text)):
        signature = consumer.account.sign_digest(digest)
        bench.send(consumer.start_request(nonce=nonce, signature=signature)).refused()


def _refused_with(bench: Bench, spelled: Callable[[str], Any]) -> None:
    consumer = bench.consumer()
    request = consumer.start_request()
    bench.send(request.but(signature=spelled(request.json["signature"]))).refused()
