"""What is signed, how it is written, and whose leave it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import COMPUTE, Consumer
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
    started = bench.start()
    left = {0, 1, 27, 28}
    while left:
        request = _stop(started.consumer, started.job_id)
        signature = request.query["signature"]
        parity = int(signature[-2:], 16) - 27
        for byte in sorted(left & {parity, parity + 27})[:1]:
            left.remove(byte)
            taken(bench.send(request.but(signature=f"{signature[:-2]}{byte:02x}")))


def _stop(consumer: Consumer, job_id: str) -> Request:
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


@check("CE-SIGN-STATUS-PARTS")
def status_parts(bench: Bench) -> None:
    """A status query with all that ocean.py sends."""
    started = bench.start()
    named = {"jobId": started.job_id, "documentId": document_id(bench)}
    taken(bench.send(started.consumer.owned_request("GET", **named)))


# What starts a job


@check("CE-SIGN-START-MISSING")
def start_missing(bench: Bench) -> None:
    """A start that leaves the signature out."""
    consumer = bench.consumer()
    bench.refused(consumer, consumer.start_request().but(signature=None))


@check("CE-SIGN-START-EMPTY")
def start_empty(bench: Bench) -> None:
    """A start whose signature is a text of no characters."""
    _refused_with(bench, lambda _: "")


@check("CE-SIGN-START-OTHER-ACCOUNT")
def start_other_account(bench: Bench) -> None:
    """A start in the name of one consumer, signed by another."""
    victim, other = bench.consumer(), bench.consumer()
    bench.refused(victim, other.start_request(consumerAddress=victim.address))


@check("CE-SIGN-START-OTHER-DATASET")
def start_other_dataset(bench: Bench) -> None:
    """A start on one dataset, signed for another."""
    consumer, did = bench.consumer(), document_id(bench)
    other = did[:-1] + ("0" if did[-1] != "0" else "1")
    signed = consumer.signed(consumer.address, other)
    bench.refused(consumer, consumer.start_request(**signed))


@check("CE-SIGN-START-OTHER-NONCE")
def start_other_nonce(bench: Bench) -> None:
    """A start with a greater nonce than the signed one."""
    consumer = bench.consumer()
    request = consumer.start_request()
    bench.refused(consumer, request.but(nonce=consumer.next_nonce()))


@check("CE-SIGN-ERROR")
def error(bench: Bench) -> None:
    """What is said of a start that another account signed."""
    victim, other = bench.consumer(), bench.consumer()
    request = other.start_request(consumerAddress=victim.address)
    with given("a refusal"):
        refusal = bench.refused(victim, request)
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
    """Starts whose signature ends in a byte by which nobody recovers a key."""
    for byte in (2, 26, 29, 255):
        _refused_with(bench, lambda signature, byte=byte: signature[:-2] + f"{byte:02x}")


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
        _refused_with(bench, lambda s, number=number: f"0x{number:064x}{s[66:]}")
        _refused_with(bench, lambda s, number=number: f"{s[:66]}{number:064x}{s[130:]}")


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
        bench.refused(consumer, consumer.start_request(nonce=nonce, signature=signature))


def _refused_with(bench: Bench, spelled: Callable[[str], Any]) -> None:
    consumer = bench.consumer()
    request = consumer.start_request()
    bench.refused(consumer, request.but(signature=spelled(request.json["signature"])))


# Stop and delete


@check("CE-SIGN-STOP-MISSING")
def stop_missing(bench: Bench) -> None:
    """A stop that leaves the signature out."""
    _missing(bench, "PUT")


@check("CE-SIGN-STOP-OTHER-ACCOUNT")
def stop_other_account(bench: Bench) -> None:
    """A stop in the owner's name, signed by another."""
    _other_account(bench, "PUT")


@check("CE-SIGN-STOP-OTHER-JOB")
def stop_other_job(bench: Bench) -> None:
    """A stop of a job with the signature for another name."""
    _other_job(bench, "PUT")


@check("CE-SIGN-STOP-OTHER-DOCUMENT")
def stop_other_document(bench: Bench) -> None:
    """A stop that names a document beside what was signed."""
    started = bench.start()
    request = _stop(started.consumer, started.job_id)
    bench.send(request.but(documentId=document_id(bench))).refused(*HIDDEN)


@check("CE-SIGN-STOP-OTHER-NONCE")
def stop_other_nonce(bench: Bench) -> None:
    """A stop with a greater nonce than the signed one."""
    _other_nonce(bench, "PUT")


@check("CE-SIGN-DELETE-MISSING")
def delete_missing(bench: Bench) -> None:
    """A delete that leaves the signature out."""
    _missing(bench, "DELETE")


@check("CE-SIGN-DELETE-OTHER-ACCOUNT")
def delete_other_account(bench: Bench) -> None:
    """A delete in the owner's name, signed by another."""
    _other_account(bench, "DELETE")


@check("CE-SIGN-DELETE-OTHER-JOB")
def delete_other_job(bench: Bench) -> None:
    """A delete of a job with the signature for another name."""
    _other_job(bench, "DELETE")


@check("CE-SIGN-DELETE-OTHER-NONCE")
def delete_other_nonce(bench: Bench) -> None:
    """A delete with a greater nonce than the signed one."""
    _other_nonce(bench, "DELETE")


def _missing(bench: Bench, method: str) -> None:
    started = bench.start()
    request = started.consumer.owned_request(method, jobId=started.job_id)
    bench.send(request.but(signature=None)).refused(*HIDDEN)


def _other_account(bench: Bench, method: str) -> None:
    started, other = bench.start(), bench.consumer()
    owner = started.consumer.address
    other.nonce = started.consumer.nonce
    request = other.owned_request(method, jobId=started.job_id, consumerAddress=owner)
    bench.send(request).refused(*HIDDEN)


def _other_job(bench: Bench, method: str) -> None:
    started = bench.start()
    request = started.consumer.owned_request(method, jobId="x" + started.job_id[1:])
    bench.send(request.but(jobId=started.job_id)).refused(*HIDDEN)


def _other_nonce(bench: Bench, method: str) -> None:
    started = bench.start()
    request = started.consumer.owned_request(method, jobId=started.job_id)
    bench.send(request.but(nonce=started.consumer.next_nonce())).refused(*HIDDEN)


@check("CE-SIGN-RESTART-JOB")
def restart_job(bench: Bench) -> None:
    """A restart signed as a start, after one that signs the jobId."""
    started = bench.start()
    bench.finished(started)
    consumer, job_id = started.consumer, started.job_id
    answer = consumer.start(jobId=job_id)
    if answer.status not in {200, 201} or bench.accept(answer, consumer).job_id != job_id:
        raise Unsupported("a restart", answer)
    bench.finished(started)
    bench.refused(consumer, consumer.start_request().but(jobId=job_id), *HIDDEN)


# Status queries


@check("CE-SIGN-STATUS-WRONG")
def status_wrong(bench: Bench) -> None:
    """The members of a job, asked for with another account's signature and with none."""
    answer, public = _wrongly_signed(bench)
    if answer.status not in HIDDEN:
        _nothing_more(answer, public)


@check("CE-SIGN-STATUS-REFUSED")
def status_refused(bench: Bench) -> None:
    """A job, asked for with another account's signature."""
    answer, _ = _wrongly_signed(bench)
    answer.refused()


def _wrongly_signed(bench: Bench) -> tuple[Answer, set[str]]:
    started, other = bench.start(), bench.consumer()
    owner = started.consumer.address
    request = other.owned_request("GET", jobId=started.job_id, consumerAddress=owner)
    return bench.send(request), _public(started.consumer)


@check("CE-SIGN-STATUS-LIST")
def status_list(bench: Bench) -> None:
    """The members of a list of jobs, asked for with a signature and without."""
    consumer = bench.start().consumer
    answer = consumer.send(consumer.owned_request("GET"))
    if answer.status not in HIDDEN:
        _nothing_more(answer, _public(consumer))


def _public(consumer: Consumer) -> set[str]:
    """The members that anybody sees of the consumer's only job."""
    with given("a look at a job of one's own"):
        return set(consumer.status(consumerAddress=consumer.address).job())


def _nothing_more(answer: Answer, public: set[str]) -> None:
    with given("an array of status objects"):
        shown = {name for job in answer.jobs() for name in job}
    expect(shown <= public, "nothing that an unsigned query does not show", shown - public)


# One call's signature in another


@check("CE-SIGN-START-AS-DELETE")
def start_as_delete(bench: Bench) -> None:
    """A delete by documentId, of the parts that a start was signed over."""
    consumer = bench.consumer()
    request = consumer.start_request()
    with given("a start that is accepted"):
        bench.accept(bench.send(request), consumer)
    parts = {name: request.json[name] for name in ("consumerAddress", "nonce", "signature")}
    asked = Request("DELETE", COMPUTE, query={**parts, "documentId": document_id(bench)})
    bench.send(asked).refused(*HIDDEN)


@check("CE-SIGN-STOP-AS-DELETE")
def stop_as_delete(bench: Bench) -> None:
    """A stop, and the same query as a delete."""
    started = bench.start()
    request = _stop(started.consumer, started.job_id)
    with given("a stop that is accepted"):
        bench.send(request).accepted()
    bench.send(Request("DELETE", COMPUTE, query=request.query)).refused(*HIDDEN)


@check("CE-SIGN-POLL-AS-DELETE")
def poll_as_delete(bench: Bench) -> None:
    """A signed status query, a further start, and the query as a delete."""
    started = bench.start()
    request = started.consumer.owned_request("GET", jobId=started.job_id)
    bench.send(request)
    bench.start(consumer=started.consumer)
    bench.send(Request("DELETE", COMPUTE, query=request.query)).refused(*HIDDEN)
