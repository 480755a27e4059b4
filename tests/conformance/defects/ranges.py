"""Servers that send parts of results wrongly."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count

import webob

from compute_ref.http import files
from tests.conformance.defects import asked
from tests.conformance.defects.defect import Kind, Wrong, defect

Range = tuple[int, int] | None


def _ranged(wrong: Wrong, change: Callable[[str, int, Range], Range]) -> None:
    """Read a range otherwise: `change` gets header, size and the right reading."""
    right = files._range
    wrong.patch(files, "_range", lambda header, size: change(header, size, right(header, size)))


def _header(wrong: Wrong, name: str, change: Callable[[str], str | None], *codes: int) -> None:
    def rewrite(request: webob.Request, response: webob.Response) -> None:
        told = response.headers.get(name)
        if request.path.endswith("computeResult") and response.status_int in codes and told:
            changed = change(told)
            response.headers.pop(name)
            if changed is not None:
                response.headers[name] = changed

    wrong.answers(rewrite)


@defect("range-end-left-out", "CE-RESULT-RANGE", calls=3)
def end_left_out(wrong: Wrong) -> None:
    def shorter(header: str, size: int, right: Range) -> Range:
        return (right[0], right[1] - 1) if right and right[0] < right[1] else right

    _ranged(wrong, shorter)


@defect("range-of-unknown-length", "CE-RESULT-RANGE-TOLD", kind=Kind.SHAPE, calls=3)
def unknown_length(wrong: Wrong) -> None:
    _header(wrong, "Content-Range", lambda told: told.replace("bytes ", "bytes="), 206)


@defect("range-open-is-one-byte", "CE-RESULT-RANGE-OPEN", calls=3)
def open_is_one_byte(wrong: Wrong) -> None:
    def one(header: str, size: int, right: Range) -> Range:
        return (right[0], right[0]) if right and header.endswith("-") else right

    _ranged(wrong, one)


@defect("range-suffix-from-the-beginning", "CE-RESULT-RANGE-SUFFIX", calls=3)
def suffix_from_the_beginning(wrong: Wrong) -> None:
    def beginning(header: str, size: int, right: Range) -> Range:
        if not right or not header.startswith("bytes=-"):
            return right
        return 0, right[1] - right[0]

    _ranged(wrong, beginning)


@defect("range-beyond-the-end-refused", "CE-RESULT-RANGE-CLIPPED", calls=3)
def beyond_the_end_refused(wrong: Wrong) -> None:
    def refused(header: str, size: int, right: Range) -> Range:
        last = header.rpartition("-")[2]
        return (1, 0) if last and int(last) >= size else right

    _ranged(wrong, refused)


@defect("range-beyond-is-416-alone", "CE-RESULT-RANGE-BEYOND", kind=Kind.SHAPE, calls=3)
def beyond_alone(wrong: Wrong) -> None:
    _header(wrong, "Content-Range", lambda told: None, 416)


@defect("range-paid-before-it-is-refused", "CE-RESULT-RANGE-FREE", calls=4)
def paid_first(wrong: Wrong) -> None:
    asked.paid_first(wrong, asked.RESULT, lambda: "Range" in asked.ASKED.headers)


@defect("range-in-any-unit", "CE-RESULT-RANGE-UNIT", calls=3)
def any_unit(wrong: Wrong) -> None:
    wrong.patch(files, "RANGE", re.compile(r"\w+=([0-9]{0,18})-([0-9]{0,18})"))


@defect("range-is-free", "CE-RESULT-RANGE-NONCE", kind=Kind.SECURITY, calls=4)
def is_free(wrong: Wrong) -> None:
    asked.free(wrong, asked.RESULT, lambda: "Range" in asked.ASKED.headers)


@defect("ranges-not-told", "CE-RESULT-ACCEPT-RANGES", kind=Kind.SHAPE, calls=3)
def not_told(wrong: Wrong) -> None:
    _header(wrong, "Accept-Ranges", lambda told: None, 200)


@defect("etag-of-each-download", "CE-RESULT-ETAG", calls=4)
def etag_of_each_download(wrong: Wrong) -> None:
    numbers = count()
    _header(wrong, "ETag", lambda told: f'"{next(numbers)}"', 200)


@defect("etag-of-the-job", "CE-RESULT-ETAG-OTHER", calls=4)
def etag_of_the_job(wrong: Wrong) -> None:
    _header(wrong, "ETag", lambda told: '"results"', 200)


@defect("none-match-refused", "CE-RESULT-NONE-MATCH", calls=4)
def none_match_refused(wrong: Wrong) -> None:
    def refused(request: webob.Request, response: webob.Response) -> None:
        if response.status_int == 304:
            response.status_int = 412

    wrong.answers(refused)


@defect("if-range-is-always-another", "CE-RESULT-IF-RANGE", calls=4)
def always_another(wrong: Wrong) -> None:
    wrong.requests(lambda request: _drop(request, "Range", "If-Range" in request.headers))


@defect("if-range-overlooked", "CE-RESULT-IF-RANGE-OTHER", calls=4)
def overlooked(wrong: Wrong) -> None:
    wrong.requests(lambda request: _drop(request, "If-Range", True))


def _drop(request: webob.Request, name: str, when: bool) -> None:
    if when:
        request.headers.pop(name, None)
