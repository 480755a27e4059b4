"""A file that was cut, damaged, or never ours: what is whole is kept, the rest is told."""

from __future__ import annotations

from typing import Any

import pytest

from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.records import LONGEST_HEADER, StoreDamaged, encode
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.fallible import FallibleDisk
from tests.compute_ref.jobs.histories import (
    changed,
    contents,
    data_of,
    holding,
    opened,
    put,
    written,
)

# A file that was cut or damaged


def test_a_file_cut_at_any_byte_of_its_last_records_is_recovered_to_the_last_whole_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    records = [[put("a", "1")], [put("a", "2"), put("b")], [("jobs", "a", None), put("c", "ä")]]
    data, places = written(*records)
    states = [dict[tuple[str, str], dict[str, Any]]()]
    for record in records:
        states.append(changed(states[-1], tuple(record)))
    for size in range(places[0], len(data)):
        caplog.clear()
        whole = max(number for number, place in enumerate(places) if place <= size)
        disk = holding(data[:size])
        assert contents(opened(disk)) == states[whole]
        assert len(data_of(disk)) == places[whole], "the rest is cut off"
        excess = size - places[whole]
        said = f"{excess} bytes from byte {places[whole]} on were cut off" if excess else ""
        assert said in caplog.text
        assert bool(caplog.records) == bool(excess)


def test_any_bit_changed_in_the_middle_is_refused_with_its_place() -> None:
    data, places = written([put("a", "1")], [put("b", "2")], [put("c", "3")])
    for place in range(places[0], places[2] - 1):  # the last line break would make one of two
        broken = bytearray(data)
        broken[place] ^= 1 << (place % 8)
        disk = holding(bytes(broken))
        with pytest.raises(StoreDamaged, match=r"\d and has sound records after that\.") as refused:
            opened(disk)
        assert refused.value.offset == max(begin for begin in places if begin <= place)
        assert data_of(disk) == broken, "nothing is changed in a damaged file"


def test_a_closed_store_has_no_last_record_that_damage_could_pass_off_as_torn() -> None:
    data, places = written([put("a", "1")], [put("b", "2")], close=True)
    for place in range(places[1], places[2] - 1):
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(StoreDamaged) as refused:
            opened(holding(bytes(broken)))
        assert refused.value.offset == places[1]


def test_what_was_written_without_waiting_for_the_disk_is_refused_when_damaged() -> None:
    disk = FallibleDisk()
    journal = opened(disk, sync=False)
    place = journal.end
    journal.apply([put("a")])
    journal.apply([put("b")])
    disk.files[JOURNAL].data[place + 20] ^= 1
    with pytest.raises(StoreDamaged) as refused:
        opened(disk, sync=False)
    assert refused.value.offset == place


def test_closing_without_a_change_writes_nothing() -> None:
    data, _ = written([put("a")], close=True)
    disk = holding(data)
    opened(disk).close()
    assert data_of(disk) == data


def test_a_document_that_went_bad_while_the_server_runs_is_unavailable_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    place = journal.end
    journal.apply([put("a")])
    journal.apply([put("b")])
    disk.files[JOURNAL].data[place + 20] ^= 1
    with pytest.raises(StoreUnavailable):
        journal.document("jobs", "a")
    assert f"damaged at byte {place}" in caplog.text
    assert journal.document("jobs", "b") == {"text": ""}


# The first line


def test_a_first_line_that_a_power_cut_left_unfinished_is_written_anew(
    caplog: pytest.LogCaptureFixture,
) -> None:
    header, _ = written()
    for size in range(len(header)):
        caplog.clear()
        disk = holding(header[:size])
        opened(disk).apply([put("a")])
        assert contents(opened(disk)) == {("jobs", "a"): {"text": ""}}
        assert ("unfinished" in caplog.text) == (size > 0)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{}\n", "no sound record at all"),
        (b"x" * LONGEST_HEADER, "no sound record at all"),
        (b"x" * 500, "no sound record at all"),
        (b"\0" * 4096, "no sound record at all"),
        (b'{"_default": {"1": {}}}' * 20, "no sound record at all"),  # TinyDB's own file
        (encode({"format": "something else", "version": 1}), "does not begin as a store does"),
        (encode([]), "does not begin as a store does"),
        (encode({"format": "compute-ref store", "version": 2}), "another version"),
        (b"torn\n" + encode([put("a")]), "has sound records after that"),
    ],
)
def test_what_is_not_our_store_is_refused_and_left_alone(data: bytes, said: str) -> None:
    disk = holding(data)
    with pytest.raises(StoreDamaged, match=said) as refused:
        opened(disk)
    assert refused.value.offset == 0
    assert data_of(disk) == data
