"""Nonces, signatures and tokens that are made up. They are sent with stops of nothing."""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from typing import Final

from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy

from compute_conformance import made_up
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.signatures import IDENTITY
from compute_conformance.checks.tokens import by_token, consumer_and_token, parts_of
from compute_conformance.consumers import Consumer
from compute_conformance.exchanges import Request
from compute_conformance.exploring import explore
from compute_conformance.verdicts import Inconclusive, expect

USED: Final = (*IDENTITY, 409, 503)  # how a nonce is refused
WRITTEN: Final = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]{1,18})?", re.ASCII)
HEX: Final = "0123456789abcdef"
GREAT: Final = 2**53 - 2
BORDERS: Final = (
    ("999999999", "1000000001"),
    ("2147483647", "2147483649"),
    ("4294967297", "4294967295"),
    ("999999999999", "1000000000001"),
)
CLOSE: Final = [(f"2.{'0' * n}1", f"2.{'0' * n}2") for n in (5, 8, 11, 14, 17)]
MESSAGES: Final = {
    "the nonce first": "{nonce}{address}",
    "the address alone": "{address}",
    "the nonce alone": "{nonce}",
    "the nonce twice": "{address}{nonce}{nonce}",
    "a longer nonce": "{address}{nonce}0",
    "the next nonce": "{address}{following}",
    "the address in small letters": "{small}{nonce}",
    "the address without 0x": "{bare}{nonce}",
    "a space behind": "{address}{nonce} ",
    "a line end": "{address}\n{nonce}",
    "a job between": "{address}0000000000000000000000000000000z{nonce}",
    "nothing": "",
}


def spender(bench: Bench) -> None:
    """Inconclusive unless a stop of nothing uses up its nonce here."""
    request = bench.consumer().owned_request("PUT")
    first, again = bench.send(request), bench.send(request)
    if first.status in USED or again.status not in USED:
        raise Inconclusive("a stop without jobs that is taken, once", f"{first}; again: {again}")


@check("CE-FUZZ-NONCE-ORDER")
def order(bench: Bench) -> None:
    """Two calls of one account: the second is taken where its nonce is the greater integer."""
    spender(bench)
    near = some.tuples(_integers(), _integers()).flatmap(_near)
    explore(bench, some.one_of(_across(), near), _compared, first=BORDERS)


@check("CE-FUZZ-NONCE-DECIMALS")
def decimals(bench: Bench) -> None:
    """The same with up to eighteen decimals."""
    spender(bench)
    digits = some.text("0159", min_size=1, max_size=18)
    written = some.tuples(some.integers(2, 10**9), digits).map(lambda one: f"{one[0]}.{one[1]}")
    explore(bench, some.tuples(written, written).flatmap(_near), _compared, first=CLOSE)


def _integers() -> SearchStrategy[str]:
    edges = some.sampled_from((9, 10, 99, 100, 2**31, 2**32, 10**15, 10**12, GREAT - 2**20))
    near = some.tuples(edges, some.integers(-3, 3)).map(sum)
    return some.one_of(near, some.integers(2, GREAT - 8)).map(str)


def _across() -> SearchStrategy[tuple[str, str]]:
    """Two nonces with a power of ten or of two between them, or at it."""
    powers = some.sampled_from(
        [*(10**n for n in range(1, 16)), *(2**n for n in (16, 31, 32, 32, 32))]
    )
    beside = some.tuples(powers, some.integers(1, 2), some.integers(0, 2))
    return beside.map(lambda one: (str(one[0] - one[1]), str(one[0] + one[2])))


def _near(pair: tuple[str, str]) -> SearchStrategy[tuple[str, str]]:
    """The pair itself, its first twice, or its first and a neighbour of that."""
    first, _ = pair
    places = len(first.partition(".")[2])
    step = Decimal(1).scaleb(-places)
    beside = [f"{Decimal(first) + step * way:f}" for way in (1, -1, 2)]
    others = [pair, pair, (first, first), *((first, other) for other in beside)]
    return some.sampled_from(others)


def _compared(own: Bench, pair: tuple[str, str]) -> None:
    consumer = own.consumer()
    first, second = (own.send(consumer.owned_request("PUT", nonce=one)) for one in pair)
    expect(first.status not in USED, f"the first nonce, {pair[0]}, to be taken", first)
    greater = Decimal(pair[1]) > Decimal(pair[0])
    wanted = "taken" if greater else "refused"
    taken = second.status not in USED
    expect(taken == greater, f"{pair[1]} to be {wanted} after {pair[0]}", second)


@check("CE-FUZZ-NONCE-FORM")
def form(bench: Bench) -> None:
    """Calls with texts that are almost numbers, each signed as it is sent."""
    spender(bench)
    pieces = some.sampled_from(
        ("7", "12", ".", "e", "E3", "x", ",", "'", "\uff17", *made_up.SPACES)
    )
    around = some.sampled_from(made_up.SPACES)
    number = some.sampled_from(("7", "12", "3.5"))
    texts = some.one_of(
        some.tuples(around, number, around).map("".join),
        some.lists(pieces, min_size=1, max_size=5).map("".join),
        made_up.texts(),
    )

    def trial(own: Bench, text: str) -> None:
        own.send(own.consumer().owned_request("PUT", nonce=text)).refused()

    explore(bench, texts.filter(lambda text: text and not _is_nonce(text)), trial)


def _is_nonce(text: str) -> bool:
    return bool(WRITTEN.fullmatch(text)) and float(text) > 0


@check("CE-FUZZ-SIGNATURE")
def signatures(bench: Bench) -> None:
    """Calls of which one digit of the signature is another."""
    spender(bench)
    places = some.tuples(some.integers(0, 129), some.integers(1, 15))

    def trial(own: Bench, place: tuple[int, int]) -> None:
        request = own.consumer().owned_request("PUT")
        digits = request.query["signature"][2:]
        at, more = place
        other = HEX[(HEX.index(digits[at]) + more) % 16]
        wrong = request.but(signature=f"0x{digits[:at]}{other}{digits[at + 1 :]}")
        own.send(wrong).refused()

    explore(bench, places, trial)


@check("CE-FUZZ-MESSAGE")
def messages(bench: Bench) -> None:
    """Calls that are signed over another message than their own."""
    spender(bench)

    def trial(own: Bench, example: tuple[str, int]) -> None:
        message, nonce = example
        own.send(_signed_over(own.consumer(), message, str(nonce))).refused()

    explore(bench, some.tuples(some.sampled_from([*MESSAGES]), some.integers(2, 10**13)), trial)


def _signed_over(consumer: Consumer, message: str, nonce: str) -> Request:
    address = consumer.address
    text = MESSAGES[message].format(
        address=address,
        nonce=nonce,
        following=int(nonce) + 1,
        small=address.lower(),
        bare=address.removeprefix("0x"),
    )
    return consumer.owned_request("PUT", nonce=nonce, signature=consumer.account.sign(text))


@check("CE-FUZZ-TOKEN")
def tokens(bench: Bench) -> None:
    """Stops with a token of which one bit is another."""
    consumer, token = consumer_and_token(bench)
    parts = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts_of(token)]
    places = some.tuples(some.integers(0, 2), some.integers(0, 1_000))

    def trial(own: Bench, place: tuple[int, int]) -> None:
        part, bit = place
        content = bytearray(parts[part])
        at = bit % (8 * len(content))
        content[at // 8] ^= 1 << at % 8
        texts = token.split(".")
        texts[part] = base64.urlsafe_b64encode(bytes(content)).rstrip(b"=").decode()
        own.send(by_token(consumer.owned_request("PUT"), ".".join(texts))).refused()

    explore(bench, places, trial)
