"""What is a nonce, and how one is written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.nonces import first_then
from compute_conformance.consumers import COMPUTE, Consumer
from compute_conformance.exchanges import Request

DECIMAL: Final = "1644315615.24195"


@check("CE-NONCE-NUMBER")
def number(bench: Bench) -> None:
    """A start whose nonce is the JSON number 2."""
    consumer = bench.consumer()
    bench.accept(bench.send(consumer.start_request(nonce=2).but(nonce=2)), consumer)


@check("CE-NONCE-GAPS")
def gaps(bench: Bench) -> None:
    """Starts with 2 and with 57."""
    first_then(bench, "2", "57")


@check("CE-NONCE-MILLISECONDS")
def milliseconds(bench: Bench) -> None:
    """A start with the milliseconds of a clock."""
    consumer = bench.consumer()
    bench.accept(consumer.start(nonce=1644315615241), consumer)


@check("CE-NONCE-DECIMAL")
def decimal(bench: Bench) -> None:
    """A start with a nonce of seconds and fractions."""
    consumer = bench.consumer()
    bench.accept(consumer.start(nonce=DECIMAL), consumer)


@check("CE-NONCE-RAW-NUMBER")
def raw_number(bench: Bench) -> None:
    """A start with the JSON number 1644315615.10."""
    consumer = bench.consumer()
    bench.accept(bench.send(_raw(consumer, "1644315615.10")), consumer)


def _raw(consumer: Consumer, number: str) -> Request:
    """A start whose nonce is a JSON number in just these characters."""
    request = consumer.start_request(nonce=number)
    body = json.dumps(request.json).replace(f'"nonce": "{number}"', f'"nonce": {number}')
    headers = {"Content-Type": "application/json"}
    return Request("POST", COMPUTE, body=body.encode(), headers=headers)


@check("CE-NONCE-MISSING")
def missing(bench: Bench) -> None:
    """A start that leaves out the nonce, signed without it and with one."""
    consumer = bench.consumer()
    bench.send(consumer.start_request(nonce="").but(nonce=None)).refused()
    bench.send(consumer.start_request().but(nonce=None)).refused()


@check("CE-NONCE-WORD")
def word(bench: Bench) -> None:
    """Starts with a word, a list of numbers and a point."""
    _none_of(bench, "soon", "1,2", ".", "1.2.3")


@check("CE-NONCE-ZERO")
def zero(bench: Bench) -> None:
    """Starts with 0 and 0.0."""
    _none_of(bench, "0", "0.0")


@check("CE-NONCE-NEGATIVE")
def negative(bench: Bench) -> None:
    """Starts with -1 and -0.5."""
    _none_of(bench, "-1", "-0.5")


@check("CE-NONCE-EXPONENT")
def exponent(bench: Bench) -> None:
    """Starts with 1e3 and with the JSON number 1e3."""
    _none_of(bench, "1e3", "1E3")
    consumer = bench.consumer()
    bench.send(_raw(consumer, "1e3")).refused()


@check("CE-NONCE-HEX")
def hexadecimal(bench: Bench) -> None:
    """Starts with 0x10, 0o17 and 0b11."""
    _none_of(bench, "0x10", "0o17", "0b11")


@check("CE-NONCE-SPACES")
def spaces(bench: Bench) -> None:
    """Starts with spaces, a line end and a plus sign."""
    _none_of(bench, " 5", "5 ", "5\n", "+5")


@check("CE-NONCE-DIGITS")
def digits(bench: Bench) -> None:
    """Starts with digits of other scripts and with an underscore."""
    _none_of(bench, "\u0663", "\uff15", "\u00b2", "1_000")


@check("CE-NONCE-FINITE")
def finite(bench: Bench) -> None:
    """Starts with Infinity, NaN and 400 digits."""
    _none_of(bench, "Infinity", "inf", "NaN", "9" * 400)


@check("CE-NONCE-TYPE")
def value_type(bench: Bench) -> None:
    """Starts with other values of JSON, signed as a server may write them."""
    spellings: Iterable[tuple[Any, str]] = ((True, "True"), ([5], "[5]"), ({"n": 5}, "{'n': 5}"))
    for value, signed in spellings:
        consumer = bench.consumer()
        bench.send(consumer.start_request(nonce=signed).but(nonce=value)).refused()


def _none_of(bench: Bench, *nonces: str) -> None:
    """Starts with these, each signed just so, are all refused."""
    for nonce in nonces:
        consumer = bench.consumer()
        bench.send(consumer.start_request(nonce=nonce)).refused()
