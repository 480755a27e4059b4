"""How a target says no, and what it must not say with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from compute_conformance import refusable
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import COMPUTE, SERVICES
from compute_conformance.exchanges import Answer, Request
from compute_conformance.signing import Account
from compute_conformance.verdicts import elected, expect, given

DOCUMENT: Final = "dataset.documentId"
WITHOUT: Final = {key: value for key, value in refusable.NO_DATASET.items() if key != "documentId"}
JUNK: Final = "junk"
TOKEN: Final = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.bm9ib2R5LW1hZGUtdGhpcw"  # noqa: S105 - no password
REASONS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"nonce": JUNK},
    {"environment": 7},
    {"dataset": []},
    {"output": JUNK},
)
TRACE: Final = re.compile(
    r"Traceback \(most recent|File [\\\"']+[^\"']+, line \d+|\bat [^\n]{1,200}:\d+:\d+\)"
    r"|\bat [\w.$]+\(\w+\.java:\d+\)|goroutine \d+ \["
)
SERVER_PATH: Final = re.compile(
    r"(?<![\w/.:-])/(?:usr|home|root|var|opt|srv|etc|tmp|app|mnt|data)/[\w.-]+|\b[A-Z]:\\\\?\w+"
)


@check("CE-ERROR-OBJECT")
def is_object(bench: Bench) -> None:
    """Calls without parameters, and a start on a dataset that nobody has."""
    for request in (
        Request("POST", COMPUTE, json={}),
        Request("GET", COMPUTE),
        Request("GET", f"{SERVICES}/nonce"),
        refusable.start(bench.consumer()),
    ):
        answer = bench.send(request)
        with given("a refusal"):
            found = answer.refused(400, 401, 403, 404)
        expect({"error", "errors"} & found.keys(), "error or errors", answer)


@check("CE-ERROR-REQUIRED-SENTENCE")
def required_sentence(bench: Bench) -> None:
    """A signed start whose dataset has no documentId."""
    answer = _without_document(bench)
    sentence = f"The {DOCUMENT} field is required."
    expect(sentence in answer.body.decode("utf-8", "replace"), sentence, answer)


@check("CE-ERROR-ERRORS")
def errors(bench: Bench) -> None:
    """A start without anything."""
    answer = bench.send(Request("POST", COMPUTE, json={}))
    for told in _errors(answer).values():
        fits = _is_text(told) or (isinstance(told, list) and all(map(_is_text, told)))
        expect(told and fits, "a text or an array of texts for each field", answer)


@check("CE-ERROR-DOTTED")
def dotted(bench: Bench) -> None:
    """A signed start whose dataset has no documentId."""
    answer = _without_document(bench)
    with given("errors by field"):
        found = _errors(answer)
    expect(DOCUMENT in found, f"errors of {DOCUMENT}", answer)


@check("CE-ERROR-SENTENCES")
def sentences(bench: Bench) -> None:
    """A start without anything."""
    answer = bench.send(Request("POST", COMPUTE, json={}))
    with given("errors by field"):
        found = _errors(answer)
    bare = {field for field, one in found.items() if _is_text(one)}
    elected(not bare, bare == {"signature"}, "arrays of texts", answer)


@check("CE-ERROR-MEMBERS")
def members(bench: Bench) -> None:
    """A start without anything."""
    answer = bench.send(Request("POST", COMPUTE, json={}))
    with given("errors by field"):
        _errors(answer)
    found = answer.json
    expect(_is_text(found.get("message")) and found["message"], "a text message", answer)
    expect(found.get("success") is False, "success: false", answer)


@check("CE-ERROR-ALL-FIELDS")
def all_fields(bench: Bench) -> None:
    """A start without anything."""
    answer = bench.send(Request("POST", COMPUTE, json={}))
    _names(answer, "consumerAddress", DOCUMENT)


@check("CE-ERROR-ABSENT")
def absent(bench: Bench) -> None:
    """A start whose consumer, or whose dataset's documentId, is null or empty."""
    for nothing in ("", None):
        body = {"consumerAddress": nothing, "dataset": {**WITHOUT, "documentId": nothing}}
        answer = bench.send(Request("POST", COMPUTE, json=body))
        _names(answer, "consumerAddress", DOCUMENT)


@check("CE-ERROR-WRONG-ADDRESS")
def wrong_address(bench: Bench) -> None:
    """Starts of consumers that are too short, too long, and no hexadecimal number."""
    address = bench.consumer().address
    for wrong in (address[:-1], f"{address}0", address[2:] + "0x", "0x" + "g" * 40):
        _names(
            bench.send(refusable.start(bench.consumer(), consumerAddress=wrong)), "consumerAddress"
        )


@check("CE-ERROR-WRONG-FIELDS")
def wrong_fields(bench: Bench) -> None:
    """A start whose consumer is no address, and whose nonce is no number."""
    body = {"consumerAddress": "0x0", "nonce": JUNK, "signature": "0x0"}
    answer = bench.send(Request("POST", COMPUTE, json={**body, "dataset": refusable.NO_DATASET}))
    _names(answer, "consumerAddress", "nonce")


@check("CE-ERROR-REFUSAL")
def refusal(bench: Bench) -> None:
    """A start that is in order, on a dataset that nobody has."""
    answer = bench.send(refusable.start(bench.consumer()))
    with given("a refusal"):
        told = answer.refused(400, 401, 403, 404).get("error")
    by_resource = isinstance(told, dict) and told and all(map(_is_text, told.values()))
    expect((_is_text(told) and told) or by_resource, "error: a text, or texts by resource", answer)


@check("CE-ERROR-UNKNOWN-PATH")
def unknown_path(bench: Bench) -> None:
    """A path that is no call."""
    answer = bench.get(f"{SERVICES}/thisIsNoCall")
    with given("a refusal"):
        told = answer.refused(404).get("error")
    expect(_is_text(told) and told, "error: a text", answer)


@check("CE-ERROR-NO-SIGNATURE")
def no_signature(bench: Bench) -> None:
    """Signatures that are right, and signatures of somebody else, with all calls."""
    stranger = Account.new().sign("nothing")
    for request in _calls(bench):
        sent = {**request.query, **(request.json or {})}.get("signature")
        if sent:
            _silent_of(bench.send(request), sent)
            _silent_of(bench.send(request.but(signature=stranger)), stranger)


@check("CE-ERROR-NO-TOKEN")
def no_token(bench: Bench) -> None:
    """A token that nobody made, with all calls."""
    for request in _calls(bench):
        asked = request.but(signature=None).with_headers(AuthToken=TOKEN)
        _silent_of(bench.send(asked), TOKEN)


@check("CE-ERROR-NO-CODE")
def no_code(bench: Bench) -> None:
    """Starts with code of their own that are refused for several reasons."""
    code = "echo this code is nobody else's business"
    meta = {**refusable.RAW["meta"], "rawcode": code}
    request = bench.consumer().start_request({"meta": meta}, refusable.NO_DATASET)
    for changes in REASONS:
        _silent_of(bench.send(request.but(**changes)), code)


@check("CE-ERROR-NO-TRACE")
def no_trace(bench: Bench) -> None:
    """All calls, in order and with junk in them."""
    for answer in _answers(bench):
        found = TRACE.search(answer.body.decode("utf-8", "replace"))
        expect(not found, "no stack trace", found)


@check("CE-ERROR-NO-PATH")
def no_path(bench: Bench) -> None:
    """All calls, in order and with junk in them."""
    for answer in _answers(bench):
        found = SERVER_PATH.search(answer.body.decode("utf-8", "replace"))
        expect(not found, "no path of the server", found)


def _without_document(bench: Bench) -> Answer:
    answer = bench.send(bench.consumer().start_request(refusable.RAW, WITHOUT))
    with given("a refusal"):
        answer.refused()
    return answer


def _errors(answer: Answer) -> dict[str, Any]:
    """What is told by field."""
    found = answer.refused().get("errors")
    expect(isinstance(found, dict) and found, "errors, an object by field", answer)
    errors: dict[str, Any] = found or {}
    return errors


def _names(answer: Answer, *fields: str) -> None:
    """Hold an answer to telling of all these fields."""
    missing = set(fields) - _errors(answer).keys()
    expect(not missing, f"errors of {', '.join(fields)}", answer)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _silent_of(answer: Answer, secret: str) -> None:
    hidden = secret.lower().removeprefix("0x")
    body = answer.body.decode("utf-8", "replace").lower()
    expect(hidden not in body, "a body that does not repeat what was sent in confidence", answer)
    expect(hidden not in str(answer.headers).lower(), "nor headers that do", answer)


def _calls(bench: Bench) -> list[Request]:
    consumer = bench.consumer()
    return [*refusable.queries(consumer), *refusable.bodies(consumer)]


def _answers(bench: Bench) -> Iterator[Answer]:
    """Answers to all calls, in order and with junk."""
    for request in _calls(bench):
        yield bench.send(request)
        name = next(iter(request.query or request.json))
        yield bench.send(request.but(**{name: JUNK}))
        yield bench.send(replace(request, path=f"{request.path}/{JUNK}"))
    yield bench.send(
        Request("POST", COMPUTE, body=b"{", headers={"Content-Type": "application/json"})
    )
    yield bench.send(refusable.start(bench.consumer()))
    yield bench.get(f"/api/aquarius/assets/ddo/{refusable.NO_DID}")
