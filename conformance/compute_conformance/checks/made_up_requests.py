"""Requests that are made up. None of them starts a job."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy

from compute_conformance import made_up, refusable
from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.nonces import told
from compute_conformance.consumers import COMPUTE, SERVICES, Consumer
from compute_conformance.exchanges import SAYS, Answer, Request, reasons
from compute_conformance.exploring import explore
from compute_conformance.spelling import Hand, hands
from compute_conformance.targets import Unreachable
from compute_conformance.verdicts import Failed, expect, given

HEADERS: Final = ("AuthToken", "Range", "If-None-Match", "If-Range", "Accept", "Content-Type")
LATIN: Final = 'abc123 ;,=-*/"\u00e9\u00ff'
KNOWN: Final = 9  # calls of refusable.queries
STRANGE: Final = "<a>'$\";"  # a name of nothing
NAMES: Final = 6  # the first parameters of a start: address, environment, and the dataset's


@dataclass(frozen=True)
class Junk:
    """One call with junk in some of its parameters."""

    call: int
    places: tuple[tuple[int, Any], ...]
    twice: str | None = None  #: a further value of the first parameter of a query string
    header: tuple[str, str] | None = None

    def __str__(self) -> str:
        values = ", ".join(f"parameter {at} {value!r}" for at, value in self.places)
        return f"call {self.call} with {values}; twice {self.twice!r}; header {self.header}"

    def request(self, consumer: Consumer) -> Request:
        """The call of this consumer."""
        calls = [*refusable.queries(consumer), *refusable.bodies(consumer)]
        request = calls[self.call % len(calls)]
        for at, value in self.places:
            told = value if request.json is not None else _for_query(value)
            ways = [changed for _, changed in refusable.each_parameter(request, told)]
            request = ways[at % len(ways)]
        if self.header:
            request = request.with_headers(**{self.header[0]: self.header[1]})
        if self.twice is None or request.json is not None:
            return request
        name = next(iter(request.query))
        again = Request("GET", "", {name: _for_query(self.twice)}).target[1:]
        headers = request.headers
        return Request(request.method, f"{request.target}&{again}", headers=headers)


def junk() -> SearchStrategy[Junk]:
    """Any call with any junk."""
    value = some.one_of(made_up.values(), made_up.nested())
    return some.builds(
        Junk,
        call=some.integers(0, 11),
        places=some.lists(some.tuples(some.integers(0, 15), value), min_size=1, max_size=3).map(
            tuple
        ),
        twice=some.one_of(some.none(), made_up.texts()),
        header=some.one_of(
            some.none(),
            some.tuples(some.sampled_from(HEADERS), some.text(LATIN, max_size=20).map(str.strip)),
        ),
    )


def _for_query(value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")


@check("CE-FUZZ-FAULT")
def fault(bench: Bench) -> None:
    """All calls with values of all kinds in one to three parameters, twice, and in headers."""

    def trial(own: Bench, example: Junk) -> None:
        try:
            answer = own.send(example.request(own.consumer()))
        except Unreachable as error:
            raise Failed("an answer", error) from error
        expect(answer.status < 500, "no fault of the server", answer)

    explore(bench, junk(), trial)


@check("CE-FUZZ-REFUSAL")
def refusal(bench: Bench) -> None:
    """The same: each answer of 400 is looked at."""

    def trial(own: Bench, example: Junk) -> None:
        answer = own.send(example.request(own.consumer()))
        if answer.status == 400:
            expect({"error", "errors"} & answer.refused().keys(), "error or errors", answer)

    explore(bench, junk(), trial)


@check("CE-FUZZ-JSON")
def spelt_bodies(bench: Bench) -> None:
    """A start that is refused for its dataset, in another order, with escapes and blanks."""
    explore(bench, hands(), _same_refusal)


@check("CE-FUZZ-FURTHER")
def further(bench: Bench) -> None:
    """The same start with members that nobody knows, and lists with such parameters."""

    def trial(own: Bench, hand: Hand) -> None:
        _same_refusal(own, hand)
        _same_answers(own, Hand(further=hand.further), 0)

    explore(bench, hands(further=True), trial)


def _same_refusal(own: Bench, hand: Hand) -> None:
    consumer = own.consumer()
    with given("a refusal of the same request, written as usual"):
        usual = own.send(refusable.start(consumer))
        told = reasons(usual.refused(400, 403, 404))
    answer = own.send(hand.body(refusable.start(consumer)))
    expect(answer.status == usual.status, f"the status {usual.status}, as written usually", answer)
    found = answer.json
    expect(isinstance(found, dict) and SAYS & found.keys(), f"the same reasons: {told}", answer)
    expect(told.keys() == reasons(found).keys(), f"the same reasons: {told}", answer)


@check("CE-FUZZ-QUERY")
def spelt_queries(bench: Bench) -> None:
    """All calls with a query string, in another order and with characters encoded without need."""
    calls = some.integers(0, KNOWN - 1)

    def trial(own: Bench, example: tuple[Hand, int]) -> None:
        _same_answers(own, *example)

    explore(bench, some.tuples(hands(), calls), trial)


def _same_answers(own: Bench, hand: Hand, call: int) -> None:
    consumer = own.consumer()
    usual = own.send(refusable.queries(consumer)[call])
    answer = own.send(hand.query(refusable.queries(consumer)[call]))
    expect(answer.status == usual.status, f"the status {usual.status}, as written usually", answer)


@check("CE-FUZZ-ADDRESS")
def addresses(bench: Bench) -> None:
    """The nonces of texts that are almost addresses, and of others."""
    address = bench.consumer().address
    almost = some.one_of(
        made_up.changed(address, "gGxX0 .-" + made_up.LETTERS),
        some.tuples(some.sampled_from(made_up.SPACES[1:]), some.booleans()).map(
            lambda one: address + one[0] if one[1] else one[0] + address
        ),
        some.integers(1, 41).map(lambda length: address[:length]),
        made_up.texts(min_size=1).filter(lambda text: text != ""),
    )

    def trial(own: Bench, text: str) -> None:
        answer = own.send(Request("GET", f"{SERVICES}/nonce", {"userAddress": text.encode()}))
        answer.refused(400, 401, 403, 404, 422)

    explore(bench, almost.filter(lambda text: not _is_address(text)), trial)


def _is_address(text: str) -> bool:
    digits = text.removeprefix("0x")
    return len(text) == 42 and len(digits) == 40 and set(digits) <= set("0123456789abcdefABCDEF")


@check("CE-FUZZ-REFUSED")
def refused(bench: Bench) -> None:
    """Starts with junk in them: those that are refused leave no job, and the nonce as it was."""
    value = some.one_of(made_up.texts(), made_up.values())
    places = some.lists(some.tuples(some.integers(0, 15), value), min_size=1, max_size=2)

    def trial(own: Bench, example: list[tuple[int, Any]]) -> None:
        consumer = own.consumer()
        with given("the nonce"):
            before = told(own, consumer.address)
        if own.send(_start_with(consumer, example)).status >= 400:
            _untouched(own, consumer, before)

    explore(bench, places, trial, first=[[(place, STRANGE)] for place in range(NAMES)])


def _start_with(consumer: Consumer, places: list[tuple[int, Any]]) -> Request:
    """A start that is signed as it is sent, as far as that can be."""
    request = consumer.start_request()
    for at, value in places:
        ways = [changed for _, changed in refusable.each_parameter(request, value)]
        request = ways[at % len(ways)]
    dataset = request.json.get("dataset")
    did = dataset.get("documentId") if isinstance(dataset, dict) else None
    parts = (request.json.get("consumerAddress"), request.json.get("jobId"), did)
    signable = (
        isinstance(one, str) and made_up.HALF not in one for one in parts if one is not None
    )
    return request.but(**consumer.signed(*parts)) if all(signable) else request


def _untouched(own: Bench, consumer: Consumer, before: object) -> None:
    answer = own.send(Request("GET", COMPUTE, {"consumerAddress": consumer.address}))
    mine = [job for job in _jobs(answer) if consumer.owns(job)]
    expect(not mine, "no job after a refusal", answer)
    after = told(own, consumer.address)
    expect(after == before, f"the nonce {before} after a refusal", after)


def _jobs(answer: Answer) -> list[dict[str, Any]]:
    return [] if answer.status == 404 else answer.jobs()
