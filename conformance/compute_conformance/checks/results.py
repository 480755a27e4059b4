"""Downloading what a job left: which bytes, and how they are told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from compute_conformance.bench import Bench, Specimen, Started
from compute_conformance.checking import check
from compute_conformance.checks.signatures import IDENTITY
from compute_conformance.consumers import RESULT
from compute_conformance.exchanges import Answer, Request
from compute_conformance.scripts import Step, say, write
from compute_conformance.verdicts import Failed, Inconclusive, Unsupported, expect, given

NOT_THERE: Final = (404, 400)
UNKNOWN: Final = "0" * 31 + "x"
NAMED: Final = re.compile(r'attachment;\s*filename="?([^"]+)"?', re.IGNORECASE)
SAFE: Final = re.compile(r'attachment;\s*filename=([^\s;"\\/,]+|"[^"\\\x00-\x1f]*")', re.IGNORECASE)
ACTIVE: Final = ("html", "svg", "xml", "javascript")


@dataclass(frozen=True)
class Ended:
    """A job that is final, with its results. Checks share it but for what could harm it."""

    bench: Bench
    one: Specimen

    @property
    def job(self) -> Started:
        """The job."""
        return self.one.started

    @property
    def results(self) -> list[Mapping[str, Any]]:
        """The entries of its results."""
        found: list[Mapping[str, Any]] = self.one.final["results"]
        return found

    def first(self, index: int = 0) -> Answer:
        """The first download of a result in this run, asked for by this check or an earlier one."""
        return self.bench.download(self.one, index)

    def fetch(self, index: int | str = 0, **params: Any) -> Answer:
        """A download by the owner."""
        return self.job.consumer.result(self.job.job_id, index, **params)


def ended(bench: Bench, *steps: Step) -> Ended:
    """An ordinary job that has ended with at least one result, or one of these steps."""
    one = bench.specimen(*steps)
    found = one.final.get("results")
    if not isinstance(found, list) or not found:
        raise Inconclusive("results of a finished job", found)
    return Ended(bench, one)


@contextmanager
def exclusively(bench: Bench, index: int = 0) -> Iterator[Request]:
    """The request for a result of an ended job, while nobody else takes a nonce of its owner."""
    job = ended(bench).job
    with job.consumer.turn:
        yield job.consumer.result_request(job.job_id, index)


def place(job: Ended, **wanted: str) -> int:
    """Where in the results the entry of this filename or type is."""
    for index, entry in enumerate(job.results):
        if all(entry.get(name) == value for name, value in wanted.items()):
            return index
    raise Inconclusive(f"a result with {wanted}", job.results)


def body(answer: Answer) -> bytes:
    """The bytes of a download that has to work."""
    expect(answer.status == 200, "a download, status 200", answer)
    return answer.body


def working(answer: Answer) -> Answer:
    """A download, of which another question is asked."""
    with given("a download"):
        body(answer)
    return answer


@check("CE-RESULT-LOG")
def log(bench: Bench) -> None:
    """The entry of type algorithmLog."""
    job = ended(bench)
    logs = [i for i, one in enumerate(job.results) if one.get("type") == "algorithmLog"]
    expect(len(logs) == 1, "one entry of the type algorithmLog", job.results)
    body(job.first(logs[0]))


@check("CE-RESULT-EVERY")
def every(bench: Bench) -> None:
    """Each entry in turn."""
    job = ended(bench)
    for index, _ in enumerate(job.results):
        body(job.first(index))


@check("CE-RESULT-SIZE")
def size(bench: Bench) -> None:
    """Each entry's size and the length of its download."""
    job = ended(bench)
    told = [entry.get("filesize") for entry in job.results]
    found = [len(working(job.first(index)).body) for index, _ in enumerate(job.results)]
    expect(found == told, f"downloads of {told} bytes", found)


@check("CE-RESULT-BYTES")
def written(bench: Bench) -> None:
    """Two outputs of different texts."""
    texts = {"one.txt": "the first output", "two.txt": "the second output, a longer one"}
    job = ended(bench, *(write(name, text) for name, text in texts.items()))
    for name, text in texts.items():
        found = working(job.first(place(job, filename=name))).body
        expect(found == text.encode() + b"\n", f"{text!r} and a line end in {name}", found)


@check("CE-RESULT-LOG-BYTES")
def printed(bench: Bench) -> None:
    """Two words that the algorithm prints, one after the other."""
    job = ended(bench, say("word-of-a-check"), say("last-word-of-a-check"))
    found = working(job.first(place(job, type="algorithmLog"))).body
    lines = found.decode("utf-8", "replace").splitlines()
    first = any("word-of-a-check" in line and "last" not in line for line in lines)
    expect(first, "word-of-a-check in the algorithm's log", found)
    expect(b"last-word-of-a-check" in found, "last-word-of-a-check in the algorithm's log", found)


@check("CE-RESULT-AGAIN")
def again(bench: Bench) -> None:
    """One result, twice."""
    job = ended(bench)
    before = working(job.first()).body
    expect(body(job.fetch()) == before, "the same bytes again", bench.transcript[-1][1])


@check("CE-RESULT-ADDRESS-CASE")
def address_case(bench: Bench) -> None:
    """A download whose consumerAddress is in small letters."""
    job = ended(bench)
    body(job.fetch(consumerAddress=job.job.consumer.address.lower()))


@check("CE-RESULT-INDEX-DEFAULT")
def default_index(bench: Bench) -> None:
    """A download that names no index, signed with the 0 that it stands for or without any."""
    job = ended(bench)
    first = working(job.first()).body
    answers = [_without_index(bench, job, signed) for signed in ("0", None)]
    found = [answer.body for answer in answers if answer.status == 200]
    if all(answer.status == 400 for answer in answers):
        raise Unsupported("a download without an index", answers[0])
    expect(set(found) == {first}, "the first result", [str(answer) for answer in answers])


def _without_index(bench: Bench, job: Ended, signed: str | None) -> Answer:
    consumer, job_id = job.job.consumer, job.job.job_id
    with consumer.turn:
        parts = consumer.signed(consumer.address, job_id, signed)
        return bench.send(consumer.result_request(job_id).but(index=None, **parts))


@check("CE-RESULT-DISPOSITION")
def disposition(bench: Bench) -> None:
    """The header of each download."""
    job = ended(bench)
    for index, _ in enumerate(job.results):
        named(working(job.first(index)))


def named(answer: Answer) -> str:
    """The name in the header of a download."""
    told = answer.headers.get("content-disposition", "")
    found = NAMED.fullmatch(told)
    if found is None:
        raise Failed("attachment;filename=NAME in Content-Disposition", told)
    return found[1]


@check("CE-RESULT-FILENAME")
def filename(bench: Bench) -> None:
    """The name in the header of each download."""
    job = ended(bench)
    for index, entry in enumerate(job.results):
        with given("a name in Content-Disposition"):
            found = named(working(job.first(index)))
        name = str(entry.get("filename")).rpartition("/")[2]
        expect(found == name, f"the name {name}", found)


@check("CE-RESULT-TYPE")
def content_type(bench: Bench) -> None:
    """The header of a download."""
    told = working(ended(bench).first()).headers.get("content-type", "")
    expect("/" in told, "a Content-Type like application/octet-stream", told)


# What there is not


@check("CE-RESULT-INDEX-BEYOND")
def index_beyond(bench: Bench) -> None:
    """The index that follows the last one, and a great one."""
    job = ended(bench)
    for index in (len(job.results), 999):
        job.fetch(index).refused(*NOT_THERE)


@check("CE-RESULT-INDEX-NEGATIVE")
def index_negative(bench: Bench) -> None:
    """The index -1."""
    ended(bench).fetch(-1).refused(*NOT_THERE)


@check("CE-RESULT-INDEX-WORD")
def index_word(bench: Bench) -> None:
    """A word, a name and a list as index."""
    job = ended(bench)
    for index in ("first", "a.txt", "0,1", "[0]"):
        job.fetch(index).refused(*NOT_THERE)


@check("CE-RESULT-INDEX-SPELLING")
def index_spelling(bench: Bench) -> None:
    """Other spellings of the index 0, each signed as it is sent."""
    job = ended(bench)
    for index in ("00", "+0", "-0", " 0", "0 ", "0.0", "0x0", "0_0", "\u0660"):
        job.fetch(index).refused(*NOT_THERE)


@check("CE-RESULT-JOB-UNKNOWN")
def job_unknown(bench: Bench) -> None:
    """A download from a job that never was."""
    bench.consumer().result(UNKNOWN).refused(*NOT_THERE)


@check("CE-RESULT-NOT-FINAL")
def not_final(bench: Bench) -> None:
    """A download from a job whose algorithm goes on."""
    started = bench.staying(say("going-on"))
    started.consumer.result(started.job_id).refused(*NOT_THERE)


# What may come of a download


@check("CE-RESULT-FILENAME-SAFE")
def filename_safe(bench: Bench) -> None:
    """A file whose name would end the header's parameter and begin another."""
    name = "a;filename=b.txt"
    job = ended(bench, write(name, "text"))
    found = working(job.first(place(job, type="output")))
    told = found.headers.get("content-disposition", "")
    expect(SAFE.fullmatch(told), "a token or a quoted text as filename", told)


@check("CE-RESULT-ACTIVE")
def active(bench: Bench) -> None:
    """Outputs with the names of a page and of a picture with a script."""
    names = ("page.html", "picture.svg")
    job = ended(bench, *(write(name, "<script>alert(1)</script>") for name in names))
    for name in names:
        told = working(job.first(place(job, filename=name))).headers.get("content-type", "")
        ran = [kind for kind in ACTIVE if kind in told.lower()]
        expect(told and not ran, f"a type that no browser runs, for {name}", told)


@check("CE-RESULT-NO-STORE")
def no_store(bench: Bench) -> None:
    """The header of a download."""
    told = working(ended(bench).first()).headers.get("cache-control", "")
    expect("no-store" in told.lower(), "Cache-Control: no-store", told)


@check("CE-RESULT-NO-ECHO")
def no_echo(bench: Bench) -> None:
    """Body and headers of the refusals of an unknown job and of a wrong signature."""
    consumer = bench.consumer()
    good = consumer.result_request(UNKNOWN)
    for request in (good, good.but(nonce=consumer.next_nonce())):
        answer = bench.send(request)
        with given("a refusal"):
            answer.refused(*IDENTITY, 404)
        said = answer.body.decode("utf-8", "replace") + repr(dict(answer.headers))
        secret = request.query["signature"].removeprefix("0x")
        expect(secret not in said, "no signature in what is said", said)
        expect(f"{RESULT}?" not in said, "no URL of a download in what is said", said)
