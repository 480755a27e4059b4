"""Whatever is sent, it is no fault of the server: each answer is below 500."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from compute_conformance import refusable
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.consumers import COMPUTE, RESULT, SERVICES
from compute_conformance.exchanges import Answer, Request
from compute_conformance.verdicts import expect

NUL: Final = chr(0)
HALF: Final = chr(0xD800)  # of a surrogate pair
NO_UTF8: Final = (bytes.fromhex("ff fe"), bytes.fromhex("ed a0 80"))
LONG: Final = "x" * 20_000
DEEP: Final = 50_000  # levels
PLACE: Final = "PUT-IT-HERE"
NUMBERS: Final = (b"1e400", b"-1e400", b"NaN", b"Infinity", b"9" * 5_000, b"0." + b"1" * 5_000)
PATHS: Final = ("%00", "%ff%fe", "%2e%2e%2f" * 8 + "etc/passwd", "..%5c", "%", "%zz", "{}", LONG)
TYPES: Final[tuple[Any, ...]] = (-7, ["x"])
HEADERS: Final = ("AuthToken", "Range", "If-None-Match", "If-Range", "Content-Type", "Accept")


@check("CE-HTTP-JUNK-NUL")
def nul(bench: Bench) -> None:
    """NUL in each parameter of each call."""
    _in_queries(bench, f"a{NUL}b")
    _in_bodies(bench, f"a{NUL}b")


@check("CE-HTTP-JUNK-UTF8")
def utf8(bench: Bench) -> None:
    """Percent-encoded bytes that are no UTF-8, in each parameter of each query string."""
    for value in NO_UTF8:
        _in_queries(bench, value)


@check("CE-HTTP-JUNK-SURROGATE")
def surrogate(bench: Bench) -> None:
    """Half of a surrogate pair, escaped, in each parameter of each body."""
    _in_bodies(bench, HALF)


@check("CE-HTTP-JUNK-TYPES")
def types(bench: Bench) -> None:
    """Values of other types than the parameters of bodies have."""
    for value in TYPES:
        _in_bodies(bench, value)


@check("CE-HTTP-JUNK-NUMBERS")
def numbers(bench: Bench) -> None:
    """Numbers beyond all bounds as a nonce, and as a date."""
    for request in refusable.bodies(bench.consumer())[:2]:
        changed = request.but(nonce=PLACE, compute={"env": "none", "validUntil": PLACE})
        for number in NUMBERS:
            _post(bench, request.path, changed.content.replace(f'"{PLACE}"'.encode(), number))


@check("CE-HTTP-JUNK-DEPTH")
def depth(bench: Bench) -> None:
    """Arrays and objects in one another, as a body and as a parameter."""
    for body in (b"[" * DEEP, b'{"a":' * DEEP, b'{"output": ' + b"[" * DEEP + b"]" * DEEP + b"}"):
        _post(bench, COMPUTE, body)


@check("CE-HTTP-JUNK-LENGTH")
def length(bench: Bench) -> None:
    """A text of 20 kB in each parameter of each call."""
    _in_queries(bench, LONG)
    _in_bodies(bench, LONG)


@check("CE-HTTP-JUNK-TWICE")
def twice(bench: Bench) -> None:
    """Each parameter of each query string once more, with another value."""
    for request in refusable.queries(bench.consumer()):
        for name in request.query:
            _no_fault(bench.send(Request(request.method, f"{request.target}&{name}=other")))


@check("CE-HTTP-JUNK-PATH")
def path(bench: Bench) -> None:
    """Paths with bytes, dots and slashes where they do not belong."""
    for junk in PATHS:
        for below in ("/", f"{SERVICES}/", "/api/aquarius/assets/ddo/"):
            answer = _no_fault(bench.get(f"{below}{junk}"))
            expect(b"root:" not in answer.body, "no file of the server", answer)


@check("CE-HTTP-JUNK-HEADERS")
def headers(bench: Bench) -> None:
    """Tokens, ranges, types and others that are none."""
    told = {"consumerAddress": bench.consumer().address, "jobId": refusable.NO_JOB, "nonce": "2"}
    for junk in ("e30.e30.e30", "a" * 4_000, chr(0xFF) * 2, "..", "null"):
        for name in HEADERS:
            asked = Request("GET", RESULT, told, headers={name: junk})
            _no_fault(bench.send(asked))


def _in_queries(bench: Bench, value: Any) -> None:
    _in_each(bench, refusable.queries(bench.consumer()), value)


def _in_bodies(bench: Bench, value: Any) -> None:
    _in_each(bench, refusable.bodies(bench.consumer()), value)


def _in_each(bench: Bench, requests: Iterable[Request], value: Any) -> None:
    for request in requests:
        for name, changed in refusable.each_parameter(request, value):
            answer = bench.send(changed)
            expect(answer.status < 500, f"no fault at {name} of {request.method}", answer)


def _post(bench: Bench, path: str, body: bytes) -> None:
    asked = Request("POST", path, body=body, headers={"Content-Type": "application/json"})
    _no_fault(bench.send(asked))


def _no_fault(answer: Answer) -> Answer:
    expect(answer.status < 500, "no fault", answer)
    return answer
