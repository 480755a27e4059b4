"""Starts, lists and downloads that are made up."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as some

from compute_conformance import made_up
from compute_conformance.bench import Bench, Started
from compute_conformance.checking import check
from compute_conformance.checks.ranges import asked
from compute_conformance.checks.results import NOT_THERE, ended
from compute_conformance.exchanges import Answer
from compute_conformance.exploring import explore
from compute_conformance.scripts import write
from compute_conformance.spelling import Hand, hands
from compute_conformance.verdicts import Disabled, Failed, Unsupported, expect, given

INDEX: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
RANGED: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
UNKNOWN: Final = "0" * 31 + "z"


@dataclass(frozen=True)
class Unusual:
    """A start that is in order, and unusual in many ways."""

    hand: Hand
    case: int
    number: bool  #: whether the nonce is a JSON number
    nonce: int

    def __str__(self) -> str:
        return f"{self.hand}, nonce {self.nonce} as {'number' if self.number else 'text'}"


@check("CE-FUZZ-ACCEPTED")
def accepted(bench: Bench) -> None:
    """Starts that are in order: written unusually, with further members and any nonce."""
    starts = some.builds(
        Unusual,
        hand=hands(further=True),
        case=some.integers(0, 2),
        number=some.booleans(),
        nonce=some.one_of(some.integers(2, 2**52), some.integers(2**31, 2**52)),
    )

    def trial(own: Bench, example: Unusual) -> None:
        consumer = own.consumer()
        address = consumer.address
        spelt = (address, address.lower(), f"0x{address[2:].upper()}")[example.case]
        request = consumer.start_request(consumerAddress=spelt, nonce=example.nonce)
        if example.number:
            request = request.but(nonce=example.nonce)
        own.accept(own.send(example.hand.body(request)), consumer)

    explore(bench, starts, trial, costly=True)


@dataclass(frozen=True)
class Crowd:
    """Jobs that have ended, of two consumers and up to two datasets."""

    jobs: tuple[Started, ...]
    others: tuple[str, ...]  #: addresses, jobIds and DIDs of nothing

    def values(self, name: str) -> list[str]:
        """What a filter of this name may ask for."""
        return [*dict.fromkeys(map(_told[name], self.jobs)), self.others[list(_told).index(name)]]

    def found(self, filters: Mapping[str, str]) -> set[str]:
        """The jobs that all the filters let through."""
        return {
            one.job_id
            for one in self.jobs
            if all(_told[name](one) == value for name, value in filters.items())
        }


_told: Final[Mapping[str, Callable[[Started], str]]] = {
    "consumerAddress": lambda one: one.consumer.address,
    "jobId": lambda one: one.job_id,
    "documentId": lambda one: str(one.first.get("documentId")),
    "agreementId": lambda one: str(one.first.get("agreementId")),
}


def crowd(bench: Bench) -> Crowd:
    """The same for all checks that only look."""

    def make(own: Bench) -> Crowd:
        first, second = own.consumer(), own.consumer()
        jobs = [own.start(consumer=one) for one in (first, second, first)]
        try:
            jobs.append(own.start(consumer=first, dataset=own.profile.dataset("second")))
        except Disabled:
            jobs.append(own.start(consumer=first))
        for job in jobs:
            own.finished(job)
        nothing = (own.consumer().address, UNKNOWN, "did:op:" + "0" * 64, "0x" + "0" * 63 + "1")
        return Crowd(tuple(jobs), nothing)

    return bench.shared("a crowd of jobs", make)


@check("CE-FUZZ-LIST")
def filters(bench: Bench) -> None:
    """Lists by any of consumerAddress, jobId, documentId and agreementId together."""
    jobs = crowd(bench)
    picks = some.dictionaries(some.sampled_from([*_told]), some.integers(0, 4), min_size=1)
    narrow = picks.filter(lambda one: bool(set(one) & {"consumerAddress", "jobId"}))

    def trial(own: Bench, example: dict[str, int]) -> None:
        values = {name: jobs.values(name) for name in example}
        asked = {name: values[name][at % len(values[name])] for name, at in example.items()}
        wanted = jobs.found(asked)
        answer = own.consumer().status(**asked)
        found = _listed(answer) & {one.job_id for one in jobs.jobs}
        expect(found == wanted, f"the jobs {sorted(wanted)}", answer)

    explore(bench, narrow, trial)


@check("CE-FUZZ-PAGES")
def pages(bench: Bench) -> None:
    """Parts of a consumer's list, by any `limit` and `offset`."""
    owner = crowd(bench).jobs[0].consumer
    with given("a list"):
        whole = [one.get("jobId") for one in owner.status(consumerAddress=owner.address).jobs()]
        one = owner.status(consumerAddress=owner.address, limit=1).jobs()
    if len(one) != 1 or len(whole) != 3:
        raise Unsupported("a part of a list", one)

    def trial(own: Bench, part: tuple[int, int]) -> None:
        offset, limit = part
        answer = own.get(
            "/api/services/compute", consumerAddress=owner.address, offset=offset, limit=limit
        )
        wanted = whole[offset : offset + limit]
        expect([one.get("jobId") for one in answer.jobs()] == wanted, f"{wanted}", answer)

    explore(bench, some.tuples(some.integers(0, 5), some.integers(1, 5)), trial)


def _listed(answer: Answer) -> set[str]:
    return set() if answer.status == 404 else {str(one.get("jobId")) for one in answer.jobs()}


@check("CE-FUZZ-INDEX")
def indexes(bench: Bench) -> None:
    """Downloads by any text as index: only plain numbers of results give any."""
    job = ended(bench)
    pieces = some.sampled_from(("0", "1", "2", "9", ".", "e0", "\u0661", *made_up.SPACES))
    around = some.sampled_from(made_up.SPACES)
    texts = some.one_of(
        some.tuples(around, some.sampled_from("019")).map("".join),
        some.lists(pieces, min_size=1, max_size=4).map("".join),
        made_up.texts(),
    )

    def trial(own: Bench, text: str) -> None:
        answer = job.job.consumer.by(own.send).result(job.job.job_id, text)
        if INDEX.fullmatch(text) and len(text) < 9 and int(text) < len(job.results):
            expect(answer.status == 200, f"the result {text}", answer)
        else:
            answer.refused(*NOT_THERE)

    explore(bench, texts.filter(bool), trial)


@check("CE-FUZZ-RANGE")
def ranges(bench: Bench) -> None:
    """Downloads of any range: a part is what its Content-Range says, and what was asked for."""
    job = ended(bench)
    with given("a download"):
        whole = _bytes_of(job.fetch(), 200)
    number = some.one_of(some.none(), some.integers(0, len(whole) + 2))

    def trial(own: Bench, ends: tuple[int | None, int | None]) -> None:
        first, last = ("" if one is None else str(one) for one in ends)
        answer = asked(own, job, Range=f"bytes={first}-{last}")
        _judge_part(answer, whole, *ends)

    explore(bench, some.tuples(number, number), trial)


def _judge_part(answer: Answer, whole: bytes, first: int | None, last: int | None) -> None:
    """Hold an answer to the part that was asked for; a server may always send the whole."""
    wanted = _part(whole, first, last)
    if answer.status == 206:
        told = RANGED.fullmatch(answer.headers.get("content-range", ""))
        expect(told and wanted is not None, "a part that was asked for", answer.headers)
        expect(answer.body == wanted, f"the bytes {wanted!r}", answer.body)
        begin, end, size = map(int, told.groups()) if told else (0, 0, 0)
        right = (whole[begin : end + 1], size) == (wanted, len(whole)) and end < size
        expect(right, f"the Content-Range of {wanted!r}", answer.headers)
    elif answer.status == 200:
        expect(answer.body == whole, "the whole file", answer.body)
    else:
        expect(answer.status in {400, 416} and not wanted, "a part, or the whole", answer)


def _part(whole: bytes, first: int | None, last: int | None) -> bytes | None:
    """The bytes that a range means; None where it means none."""
    if first is None:
        return whole[-last:] if last else None
    if first >= len(whole) or (last is not None and last < first):
        return None
    return whole[first : len(whole) if last is None else last + 1]


def _bytes_of(answer: Answer, status: int) -> bytes:
    expect(answer.status == status, f"the status {status}", answer)
    return answer.body


@check("CE-FUZZ-OUTPUTS")
def outputs(bench: Bench) -> None:
    """Jobs that write files of any plain names, which are all there with their bytes."""
    bench.profile.script(write("a", "b"))  # Disabled where an algorithm cannot be told
    names = some.tuples(some.sampled_from("abXY7"), some.text("aA0._-", max_size=6)).map("".join)
    files = some.dictionaries(
        names, some.text("aB0", min_size=1, max_size=8), min_size=1, max_size=5
    )

    def trial(own: Bench, example: dict[str, str]) -> None:
        steps = [write(name, text) for name, text in example.items()]
        job = own.start(own.profile.script(*steps))
        results = own.finished(job).get("results")
        found = {}
        for index, one in enumerate(results if isinstance(results, list) else []):
            if one.get("type") == "output":
                found[one.get("filename")] = own.fetched(job, index).decode("utf-8", "replace")
        wanted = {name: f"{text}\n" for name, text in example.items()}
        if found != wanted:
            raise Failed(f"the outputs {wanted}", found)

    explore(bench, files, trial, costly=True)
