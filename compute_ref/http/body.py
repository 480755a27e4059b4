"""Reading a JSON body strictly: bounded in size and depth, numbers kept as they were written."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import falcon

from compute_ref.refusals import Malformed

DEEPEST: Final = 64
TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)
LONGEST_NUMBER: Final = 400


class BodyTooLarge(Exception):
    """The body is longer than the server takes."""


class NotJson(Exception):
    """The body is of another content type."""


class RawInt(int):
    """An integer that remembers how it was written."""

    raw: str


class RawFloat(float):
    """A number with a fraction or an exponent that remembers how it was written."""

    raw: str


def read_json(request: falcon.Request, most: int) -> dict[str, Any]:
    """The object in the body; {} where there is none. Raises Malformed, BodyTooLarge, NotJson."""
    if (request.content_length or 0) > most:
        raise BodyTooLarge
    data = request.bounded_stream.read(most + 1)
    if len(data) > most:
        raise BodyTooLarge
    if not data:
        return {}
    if not (request.content_type or "").lower().partition(";")[0].strip().endswith("json"):
        raise NotJson
    return parse_object(data)


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object that `data` holds; Malformed otherwise."""
    content = parse(data)
    if not isinstance(content, dict):
        raise _broken("The body must be a JSON object.")
    return content


def parse(data: bytes) -> Any:
    """The JSON value that `data` holds; Malformed where there is not exactly one."""
    if too_deep(data):
        raise _broken(f"The body is nested deeper than {DEEPEST} levels.")
    try:
        content = json.loads(
            data.decode("utf-8"),
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
            object_pairs_hook=_object,
        )
        json.dumps(content, ensure_ascii=False).encode("utf-8")  # finds lone surrogates
    except (ValueError, RecursionError) as broken:
        raise _broken("The body is not valid JSON in UTF-8.") from broken
    return content


def parse_text(text: str) -> Any:
    """The JSON value that is written in a text of a request; ValueError where it is none."""
    try:
        return parse(text.encode("utf-8"))
    except Malformed as broken:
        raise ValueError("not JSON") from broken


def too_deep(data: bytes) -> bool:
    """Whether brackets outside of texts are nested too deep, found without parsing.

    Another package in the process may have raised the recursion limit so far that the parser
    would end the process instead of raising.
    """
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return False
    depth = 0
    for token in TOKENS.finditer(data):
        mark = token[0][:1]
        depth += (mark in b"[{") - (mark in b"]}")
        if depth > DEEPEST:
            return True
    return False


def as_text(value: Any) -> Any:
    """A number as the text that was sent, anything else as it is."""
    return value.raw if isinstance(value, RawInt | RawFloat) else value


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        raise Malformed({"body": ["The body has an object that names a member twice."]})
    return found


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER:
        raise ValueError("a number with too many digits")
    number = RawInt(text)
    number.raw = text
    return number


def _float(text: str) -> float:
    number = RawFloat(text)
    if len(text) > LONGEST_NUMBER or not math.isfinite(number):
        raise ValueError("a number out of range")
    number.raw = text
    return number


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _broken(text: str) -> Malformed:
    return Malformed({"body": [text]})
