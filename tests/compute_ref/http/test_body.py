"""Bodies are read strictly, numbers kept as they were written."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute_ref.http.body import DEEPEST, as_text, parse_object, parse_text, too_deep
from compute_ref.refusals import Malformed


@pytest.mark.parametrize("token", ["1", "1.0", "1.50", "1e3", "0.1000000000000000055", "9" * 300])
def test_numbers_keep_their_text(token: str) -> None:
    assert as_text(parse_object(f'{{"n": {token}}}'.encode())["n"]) == token


def test_true_and_null_are_no_numbers() -> None:
    assert [as_text(v) for v in parse_object(b'{"a": true, "b": null}').values()] == [True, None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"1",
        b'"text"',
        b"[1]",
        b"{",
        b'{"a" 1}',
        b'{"a": 1}x',
        b'{"a": 01}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\n"}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_what_is_no_sound_object_is_an_error_of_the_body(body: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        parse_object(body)
    assert list(refused.value.errors) == ["body"]


def test_a_surrogate_pair_and_a_nul_are_text() -> None:
    assert parse_object(b'{"a": "\\ud83d\\ude00\\u0000"}') == {"a": "\N{GRINNING FACE}\0"}


@pytest.mark.parametrize("bracket", [("[", "]"), ('{"a":', "}")])
def test_nesting_is_bounded(bracket: tuple[str, str]) -> None:
    start, end = bracket

    def nested(depth: int) -> bytes:
        return (start * depth + "1" + end * depth).encode()

    assert not too_deep(nested(DEEPEST))
    assert too_deep(nested(DEEPEST + 1))


def test_brackets_inside_of_texts_are_no_nesting() -> None:
    text = json.dumps({"a": "[{" * 500, '"[' * 100: '\\"[[['})
    assert parse_object(text.encode()) == json.loads(text)


def test_a_text_that_never_ends_hides_no_nesting() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse_text('"' + "[" * 100_000)


@given(st.binary(max_size=60))
def test_any_bytes_give_an_object_or_are_malformed(data: bytes) -> None:
    with suppress(Malformed):
        assert isinstance(parse_object(data), dict)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=3), VALUES))
def test_what_json_writes_is_read_back(content: dict[str, Any]) -> None:
    assert parse_object(json.dumps(content).encode()) == content
