"""Downloading a part of a result, or only what changed. A server may do without."""

from __future__ import annotations

from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.checking import check
from compute_conformance.checks.results import Ended, ended, exclusively, working
from compute_conformance.checks.signatures import HIDDEN
from compute_conformance.exchanges import Answer
from compute_conformance.verdicts import Inconclusive, Unsupported, expect, given

FAR: Final = 10**9  # bytes: no result of an ordinary job has so many
OTHER: Final = '"another-etag"'


def _whole(job: Ended) -> Answer:
    answer = working(job.first())
    if len(answer.body) < 3:
        raise Inconclusive("a first result of three bytes or more", answer.body)
    return answer


def asked(bench: Bench, job: Ended, **headers: str) -> Answer:
    """A download of the first result with further headers; no other call of its owner between."""
    consumer = job.job.consumer
    with consumer.turn:
        return bench.send(consumer.result_request(job.job.job_id).with_headers(**headers))


def _part(bench: Bench, job: Ended, **headers: str) -> Answer:
    """What comes of a range; Unsupported where it is the whole file."""
    answer = asked(bench, job, **headers)
    if answer.status == 200:
        raise Unsupported("a part of a file", answer)
    return answer


def _same(answer: Answer, wanted: bytes) -> None:
    expect(answer.status == 206, "a part, status 206", answer)
    expect(answer.body == wanted, f"the bytes {wanted!r}", answer.body)


@check("CE-RESULT-RANGE")
def some(bench: Bench) -> None:
    """The second and third byte."""
    job = ended(bench)
    whole = _whole(job).body
    _same(_part(bench, job, Range="bytes=1-2"), whole[1:3])


@check("CE-RESULT-RANGE-TOLD")
def told(bench: Bench) -> None:
    """The header of the second and third byte."""
    job = ended(bench)
    wanted = f"bytes 1-2/{len(_whole(job).body)}"
    answer = _part(bench, job, Range="bytes=1-2")
    found = answer.headers.get("content-range")
    expect(found == wanted, f"Content-Range: {wanted}", found)


@check("CE-RESULT-RANGE-OPEN")
def from_place(bench: Bench) -> None:
    """From the second byte on."""
    job = ended(bench)
    whole = _whole(job).body
    _same(_part(bench, job, Range="bytes=1-"), whole[1:])


@check("CE-RESULT-RANGE-SUFFIX")
def suffix(bench: Bench) -> None:
    """The last two bytes."""
    job = ended(bench)
    whole = _whole(job).body
    _same(_part(bench, job, Range="bytes=-2"), whole[-2:])


@check("CE-RESULT-RANGE-CLIPPED")
def clipped(bench: Bench) -> None:
    """From the second byte to one that is not there, and the header of that."""
    job = ended(bench)
    whole = _whole(job).body
    answer = _part(bench, job, Range=f"bytes=1-{FAR}")
    _same(answer, whole[1:])
    wanted, told = f"bytes 1-{len(whole) - 1}/{len(whole)}", answer.headers.get("content-range")
    expect(told == wanted, f"Content-Range: {wanted}", told)


@check("CE-RESULT-RANGE-BEYOND")
def beyond(bench: Bench) -> None:
    """From a byte on that is not there."""
    job = ended(bench)
    wanted = f"bytes */{len(_whole(job).body)}"
    answer = _part(bench, job, Range=f"bytes={FAR}-")
    expect(answer.status == 416, "the status 416", answer)
    found = answer.headers.get("content-range")
    expect(found == wanted, f"Content-Range: {wanted}", found)


@check("CE-RESULT-RANGE-FREE")
def free(bench: Bench) -> None:
    """A range beyond the file, and the same URL without a range."""
    with exclusively(bench) as request:
        answer = bench.send(request.with_headers(Range=f"bytes={FAR}-"))
        if answer.status != 416:
            raise Unsupported("the refusal of a range beyond the file", answer)
        answer = bench.send(request)
    expect(answer.status == 200, "a download with the same nonce", answer)


@check("CE-RESULT-RANGE-UNIT")
def unit(bench: Bench) -> None:
    """The second and third line."""
    job = ended(bench)
    whole = _whole(job).body
    answer = asked(bench, job, Range="lines=1-2")
    expect(answer.status == 200, "the whole file, status 200", answer)
    expect(answer.body == whole, "the whole file", answer.body)


@check("CE-RESULT-RANGE-NONCE")
def own_nonce(bench: Bench) -> None:
    """Two parts by one URL."""
    with exclusively(bench) as request:
        answer = bench.send(request.with_headers(Range="bytes=0-0"))
        if answer.status != 206:
            raise Unsupported("a part of a file", answer)
        bench.send(request.with_headers(Range="bytes=1-2")).refused(*HIDDEN)


@check("CE-RESULT-ACCEPT-RANGES")
def accept_ranges(bench: Bench) -> None:
    """The header of a whole file of which parts can be had."""
    job = ended(bench)
    found = _whole(job).headers.get("accept-ranges", "")
    _part(bench, job, Range="bytes=1-2")
    expect(found.lower() == "bytes", "Accept-Ranges: bytes", found)


# Whether it is the same file


def _tag(answer: Answer) -> str:
    tag = working(answer).headers.get("etag")
    if tag is None:
        raise Unsupported("an ETag", "none")
    return tag


@check("CE-RESULT-ETAG")
def etag(bench: Bench) -> None:
    """The headers of two downloads of one result."""
    job = ended(bench)
    found = [_tag(job.first()), _tag(job.fetch())]
    strong = all(len(tag) > 2 and tag[0] == tag[-1] == '"' for tag in found)
    expect(strong and found[0] == found[1], "the same text in quotes twice", found)


@check("CE-RESULT-ETAG-OTHER")
def other_etags(bench: Bench) -> None:
    """The headers of downloads of two results."""
    job = ended(bench)
    if len(job.results) < 2:
        raise Inconclusive("a job with two results", job.results)
    one, other = job.first(0), job.first(1)
    if working(one).body == working(other).body:
        raise Inconclusive("two results of different bytes", job.results)
    found = [_tag(one), _tag(other)]
    expect(found[0] != found[1], "two different ETags", found)


@check("CE-RESULT-NONE-MATCH")
def none_match(bench: Bench) -> None:
    """A download by one who has the file, and by one who has it and another."""
    job = ended(bench)
    tag = _tag(job.first())
    answer = asked(bench, job, If_None_Match=tag)
    if answer.status == 200:
        raise Unsupported("If-None-Match", answer)
    expect(answer.status == 304 and not answer.body, "304 without bytes", answer)
    answer = asked(bench, job, If_None_Match=f"{OTHER}, {tag}")
    expect(answer.status == 304, "304 for one of two tags", answer)


@check("CE-RESULT-IF-RANGE")
def if_range(bench: Bench) -> None:
    """A part, if the file is still that of the ETag."""
    job = ended(bench)
    whole, tag = _whole(job).body, _tag(job.first())
    _part(bench, job, Range="bytes=1-2")
    answer = asked(bench, job, Range="bytes=1-2", If_Range=tag)
    _same(answer, whole[1:3])


@check("CE-RESULT-IF-RANGE-OTHER")
def if_range_other(bench: Bench) -> None:
    """A part, if the file is that of another ETag."""
    job = ended(bench)
    whole, _ = _whole(job).body, _tag(job.first())
    with given("a part of a file"):
        _same(_part(bench, job, Range="bytes=1-2"), whole[1:3])
    answer = asked(bench, job, Range="bytes=1-2", If_Range=OTHER)
    expect(answer.status == 200, "the whole file, status 200", answer)
    expect(answer.body == whole, "the whole file", answer.body)
