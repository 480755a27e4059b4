"""The lines of the journal: what is sound, what is torn, what is damage."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute_ref.jobs import records
from compute_ref.jobs.records import (
    Line,
    StoreDamaged,
    chunks_of,
    decode,
    encode,
    lines,
    sound,
    sound_lines,
    split,
)

quick = settings(derandomize=True, deadline=None, max_examples=60)

texts = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates as well
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def pieces(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """`data` in chunks of those sizes, over and over."""
    start = turn = 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        yield data[start : start + size]
        start, turn = start + size, turn + 1


def change(key: str, mark: int | None = None) -> bytes:
    """A record that changes one document, with or without a mark of what is durable."""
    changes = [["jobs", key, {"text": key * 20}]]
    return encode(changes if mark is None else [mark, *changes])


def keys(data: bytes) -> list[str]:
    """The keys that a start reads from a file of these lines."""
    return [key for line in sound_lines([data], 0) for _, key, _ in line.changes]


def test_a_line_is_a_checksum_and_json() -> None:
    body = '[["jobs","ä",null]]'.encode()
    assert encode([("jobs", "ä", None)]) == b"%08x %s\n" % (zlib.crc32(body), body)


@quick
@given(values)
def test_what_json_can_say_comes_back_as_it_was(value: Any) -> None:
    line = encode(value)
    assert line.count(b"\n") == 1
    assert decode(line) == value
    assert json.dumps(decode(line)) == json.dumps(value)  # 1 is not 1.0, and True is not 1


def test_names_of_files_need_not_be_text() -> None:
    assert decode(encode(["\udcff"])) == ["\udcff"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [{"x": float("-inf")}]])
def test_numbers_that_json_lacks_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        encode(value)


def test_a_line_cut_anywhere_is_not_sound() -> None:
    line = change("a")
    assert sound(line)
    assert not any(sound(line[:size]) for size in range(len(line)))


def test_a_line_of_which_any_bit_is_changed_is_not_sound() -> None:
    line = change("a")
    for place in range(len(line)):
        for bit in range(8):
            broken = bytearray(line)
            broken[place] ^= 1 << bit
            assert not sound(bytes(broken)), (place, bit)
            with pytest.raises(ValueError, match="^not a sound record$"):
                decode(bytes(broken))


def test_bytes_between_two_lines_belong_to_the_second() -> None:
    assert list(lines([change("a"), b"x", change("b"), change("c")], 0))[1] == len(change("a"))


@quick
@given(st.binary(max_size=60), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_lines_are_the_same_however_they_are_read(data: bytes, sizes: list[int]) -> None:
    found = list(split(pieces(data, sizes), 5))
    assert b"".join(line for _, line in found) == data
    assert [offset for offset, _ in found] == [
        5 + sum(len(line) for _, line in found[:number]) for number in range(len(found))
    ]
    assert all(line.endswith(b"\n") and b"\n" not in line[:-1] for _, line in found[:-1])


def test_a_line_knows_where_it_lies_and_what_it_changes() -> None:
    data = change("a") + change("b", mark=3)
    first, second = lines([data], 100)
    assert isinstance(first, Line)
    assert isinstance(second, Line)
    assert (first.offset, first.end) == (100, second.offset)
    assert second.end == 100 + len(data)
    assert first.changes == [("jobs", "a", {"text": "a" * 20})]
    assert second.changes == [("jobs", "b", {"text": "b" * 20})]
    assert (first.durable, second.durable) == (first.offset, 3)


def test_a_record_without_changes_is_a_record() -> None:
    (line,) = lines([encode([])], 0)
    assert isinstance(line, Line)
    assert line.changes == []


def test_a_torn_end_is_left_out() -> None:
    data = change("a") + change("b")
    for size in range(len(change("a")), len(data)):
        assert keys(data[:size]) == ["a"]


def test_several_records_that_nobody_waited_for_are_torn_together() -> None:
    whole = change("a")
    torn = b"\0" * len(change("b"))
    unsynced = change("c", mark=len(whole)) + change("d", mark=len(whole))
    assert keys(whole + torn + unsynced) == ["a"]


def test_a_torn_record_that_a_later_one_knows_to_be_durable_is_damage() -> None:
    whole, torn = change("a"), b"\0" * 40 + b"\n"
    for later in (change("c"), change("c", mark=len(whole) + 1)):
        with pytest.raises(StoreDamaged) as refused:
            keys(whole + torn + later)
        assert refused.value.offset == len(whole)
        assert f"byte {len(whole)} " in str(refused.value)


def test_damage_is_told_by_its_first_byte_also_when_there_is_more_of_it() -> None:
    first, torn = change("a"), b"broken\n"
    unsynced = change("b", mark=len(first))
    with pytest.raises(StoreDamaged) as refused:
        keys(first + torn + unsynced + torn + change("c"))
    assert refused.value.offset == len(first)


def test_a_range_is_read_in_pieces_and_ends_where_the_file_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(records, "CHUNK", 4)
    data = bytes(range(20))
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return data[offset : offset + min(length, 3)]  # a read may give less than it was asked for

    assert b"".join(chunks_of(read, 2, 10)) == data[2:10]
    assert asked == [(2, 4), (5, 4), (8, 2), (10, 0)]
    assert b"".join(chunks_of(read, 15, 99)) == data[15:]
