"""What any server of HTTP owes, whatever is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import COMPUTE, ENVIRONMENTS, RESULT, SERVICES
from compute_conformance.exchanges import Answer, Request
from compute_conformance.refusable import soon, start
from compute_conformance.verdicts import expect, given

UNKNOWN: Final = f"{SERVICES}/thisIsNoCall"
JSON: Final = "application/json"
LARGE: Final = 16 * 2**20  # bytes: far more than any start needs
WITHOUT: Final = (("PATCH", COMPUTE), ("DELETE", f"{SERVICES}/nonce"), ("PUT", ENVIRONMENTS))


@check("CE-HTTP-NOT-FOUND")
def not_found(bench: Bench) -> None:
    """A path below the base path, and one beside it."""
    for path in (UNKNOWN, "/thisIsNoCall"):
        answer = bench.get(path)
        expect(answer.status == 404, "404", answer)


@check("CE-HTTP-REFUSALS-ARE-JSON")
def refusals_are_json(bench: Bench) -> None:
    """An unknown path, and calls without their parameters."""
    for path in (UNKNOWN, COMPUTE, RESULT, f"{SERVICES}/nonce"):
        answer = bench.get(path)
        with given("a refusal"):
            expect(answer.status >= 400, "a status from 400 on", answer)
        expect(isinstance(answer.json, dict), "a JSON object", answer)


@check("CE-HTTP-METHOD")
def method(bench: Bench) -> None:
    """PATCH, and methods that other calls have."""
    for name, path in WITHOUT:
        answer = bench.send(Request(name, path))
        expect(answer.status in {405, 501}, f"405 or 501 to {name} {path}", answer)


@check("CE-HTTP-ALLOW")
def allow(bench: Bench) -> None:
    """The header Allow of those that answer 405."""
    for name, path in WITHOUT:
        answer = bench.send(Request(name, path))
        with given("a method that is refused"):
            expect(answer.status in {405, 501}, "405 or 501", answer)
        if answer.status == 405:
            told = _listed(answer, "allow")
            expect("GET" in told and name not in told, "an Allow with GET", told)


@check("CE-HTTP-JSON-TYPE")
def json_type(bench: Bench) -> None:
    """Content-Type of good news and bad."""
    for answer in _ordinary(bench):
        told = answer.headers.get("content-type", "none")
        expect(told.partition(";")[0].strip().lower() == JSON, JSON, f"{told} of {answer}")


@check("CE-HTTP-UTF8")
def utf8(bench: Bench) -> None:
    """The bytes of answers, and the charset that is told of them."""
    for answer in _ordinary(bench):
        told = answer.headers.get("content-type", "").lower()
        _, named, charset = told.partition("charset=")
        expect(not named or charset.strip("\"' ") in {"utf-8", "utf8"}, "UTF-8 or none", told)
        same = answer.body.decode("utf-8", "replace").encode() == answer.body
        expect(same, "bytes of UTF-8", answer)


@check("CE-HTTP-GET-CONTENT-TYPE")
def get_content_type(bench: Bench) -> None:
    """As a library does that sends one set of headers with each call."""
    for request in _reads(bench):
        with given("the call without it"):
            bench.send(request).accepted()
        bench.send(request.with_headers(Content_Type=JSON)).accepted()


@check("CE-HTTP-NO-BODY")
def no_body(bench: Bench) -> None:
    """A start of no bytes."""
    bench.send(_posted(b"")).refused()


@check("CE-HTTP-BROKEN-JSON")
def broken_json(bench: Bench) -> None:
    """A start that breaks off, and others that are not JSON at all."""
    for body in (b'{"consumerAddress": "0x', b"{", b"consumerAddress", b"{'a': 1}", b'{"a": 1}}'):
        bench.send(_posted(body)).refused()


@check("CE-HTTP-NOT-AN-OBJECT")
def not_an_object(bench: Bench) -> None:
    """A start that is an array, a text, a number, a truth value or null."""
    for body in (b"[]", b'[{"nonce": 1}]', b'"text"', b"7", b"true", b"null"):
        bench.send(_posted(body)).refused(400, 415, 422)


@check("CE-HTTP-UTF8-BODY")
def utf8_body(bench: Bench) -> None:
    """A text of bytes that are no UTF-8, in a start."""
    for raw in ("ff fe", "c0 af"):
        answer = bench.send(_posted(b'{"consumerAddress": "' + bytes.fromhex(raw) + b'"}'))
        answer.refused(400, 415, 422)


@check("CE-HTTP-MEDIA-TYPE")
def media_type(bench: Bench) -> None:
    """A start in order that says it is plain text, as a page's form may send without asking."""
    consumer = bench.consumer()
    request = consumer.start_request()
    answer = bench.send(replace(request, headers={"Content-Type": "text/plain"}))
    if answer.status in {200, 201}:
        bench.accept(answer, consumer)
    answer.refused(400, 401, 403, 415)


@check("CE-HTTP-TOO-LARGE")
def too_large(bench: Bench) -> None:
    """A start with a text of 16 MiB."""
    answer = bench.send(_posted(b'{"consumerAddress": "' + b"x" * LARGE + b'"}'))
    expect(answer.status == 413, "413", answer)


@check("CE-HTTP-HEAD")
def head(bench: Bench) -> None:
    """HEAD and GET of what changes nothing."""
    for request in _reads(bench):
        with given("an answer to GET"):
            got = bench.send(request)
            got.accepted(200)
        answer = bench.send(replace(request, method="HEAD"))
        expect(answer.status == got.status, f"{got.status}, as to GET {request.path}", answer)


@check("CE-HTTP-HEAD-SPENDS-NOTHING")
def head_spends_nothing(bench: Bench) -> None:
    """A signed HEAD, and then the GET that has the same nonce."""
    with given("a token for who asks for one"):
        bench.send(bench.consumer().token_request(soon())).offered().accepted()
    request = bench.consumer().token_request(soon())
    bench.send(replace(request, method="HEAD"))
    bench.send(request).accepted()


@check("CE-HTTP-UNKNOWN-PARAMETERS")
def unknown_parameters(bench: Bench) -> None:
    """Calls with parameters of another time."""
    for request in _reads(bench):
        with given("the call without them"):
            usual = bench.send(request).accepted()
        found = bench.send(request.but(later="1", cache="no")).accepted()
        expect(type(found) is type(usual), "the same kind of answer", found)


@check("CE-HTTP-NOSNIFF")
def nosniff(bench: Bench) -> None:
    """X-Content-Type-Options of good news and bad."""
    for answer in _ordinary(bench):
        told = answer.headers.get("x-content-type-options", "none")
        expect(told.strip().lower() == "nosniff", "nosniff", f"{told} of {answer.request.target}")


@check("CE-HTTP-NO-STORE")
def no_store(bench: Bench) -> None:
    """Cache-Control of an answer that carries a token."""
    answer = bench.send(bench.consumer().token_request(soon())).offered()
    with given("a token for who asks for one"):
        answer.accepted()
    expect("NO-STORE" in _listed(answer, "cache-control"), "no-store", answer.headers)


def _reads(bench: Bench) -> list[Request]:
    """Calls that change nothing, each in order."""
    return [
        Request("GET", "/"),
        Request("GET", ENVIRONMENTS, {"chainId": bench.profile.chain}),
        Request("GET", f"{SERVICES}/nonce", {"userAddress": bench.consumer().address}),
    ]


def _ordinary(bench: Bench) -> list[Answer]:
    """Answers that say yes, and answers that say no."""
    refused = [Request("GET", UNKNOWN), Request("GET", COMPUTE), start(bench.consumer())]
    return [bench.send(request) for request in [*_reads(bench), *refused]]


def _posted(body: bytes) -> Request:
    return Request("POST", COMPUTE, body=body, headers={"Content-Type": JSON})


def _listed(answer: Answer, header: str) -> set[str]:
    """The members of a header that is a list, in capitals."""
    return {one.strip().upper() for one in answer.headers.get(header, "").split(",")}
