"""Looking at a store's file without changing it: what is told of each kind of file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.entries import Entry
from compute_ref.jobs.files import Disk
from compute_ref.jobs.inspection import Damage, Report, check, sentences
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import StoreDamaged, encode


def unwatched(table: str, key: str, entry: Entry | None) -> None:
    """No index is kept."""


def opened(folder: Path) -> Journal:
    return Journal(Disk(folder).open(JOURNAL), summaries={}, watch=unwatched)


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    """The lines of a small store that is there: two jobs, one of them changed and removed."""
    journal = opened(tmp_path)
    for change in (("jobs", "a", {"n": 1}), ("jobs", "b", {"n": 1}), ("nonces", "x", {"n": 1})):
        journal.wait_durable(journal.apply([change]))
    journal.wait_durable(journal.apply([("jobs", "a", {"n": 2}), ("jobs", "b", None)]))
    journal.close()
    return (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)


def refuses(folder: Path) -> StoreDamaged | None:
    """What a server that starts on the folder says, None where it starts."""
    try:
        opened(folder).close()
    except StoreDamaged as damaged:
        return damaged
    return None


def told(report: Report) -> str:
    return "\n".join(sentences(report))


def test_a_sound_store_is_counted(tmp_path: Path, lines: list[bytes]) -> None:
    report = check(tmp_path)
    assert (report.sound, report.torn, report.damages, report.header) == (True, None, (), "")
    assert report.documents == {"jobs": 1, "nonces": 1}
    assert report.records == len(lines) - 1  # without the header
    assert report.size == sum(map(len, lines))
    assert told(report).endswith("The store is sound.")


def test_looking_changes_nothing(tmp_path: Path, lines: list[bytes]) -> None:
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b"torn")
    before = (tmp_path / JOURNAL).read_bytes()
    check(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL]


def test_an_unfinished_end_is_no_damage(tmp_path: Path, lines: list[bytes]) -> None:
    whole = b"".join(lines)
    (tmp_path / JOURNAL).write_bytes(whole[:-3])
    report = check(tmp_path)
    begun = len(whole) - len(lines[-1])
    assert (report.sound, report.torn) == (True, Damage(begun, len(whole) - 3))
    assert f"from byte {begun} on" in told(report)
    assert refuses(tmp_path) is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_damage_in_the_middle_is_told_with_its_bytes(
    tmp_path: Path, lines: list[bytes], number: int
) -> None:
    offset = sum(map(len, lines[:number]))
    content = bytearray(b"".join(lines))
    content[offset + 12] ^= 1
    (tmp_path / JOURNAL).write_bytes(content)
    report = check(tmp_path)
    assert (report.sound, report.damages) == (
        False,
        (Damage(offset, offset + len(lines[number])),),
    )
    assert f"from byte {offset} up to byte {offset + len(lines[number])}" in told(report)
    refused = refuses(tmp_path)
    assert refused is not None
    assert refused.offset == offset


def test_several_damages_are_all_told(tmp_path: Path, lines: list[bytes]) -> None:
    lines[1] = b"x" * (len(lines[1]) - 1) + b"\n"
    lines[3] = b"y" * (len(lines[3]) - 1) + b"\n"
    (tmp_path / JOURNAL).write_bytes(b"".join(lines))
    assert len(check(tmp_path).damages) == 2


@pytest.mark.parametrize(
    ("first", "complaint"),
    [
        (encode({"format": "something else", "version": 1}), "not a store of this program"),
        (encode(["no header"]), "not a store of this program"),
        (
            encode({"format": "compute-ref store", "version": 99, "generation": "0"}),
            "another version",
        ),
    ],
)
def test_a_file_that_is_no_store_of_ours_is_told(
    tmp_path: Path, lines: list[bytes], first: bytes, complaint: str
) -> None:
    (tmp_path / JOURNAL).write_bytes(first + b"".join(lines[1:]))
    report = check(tmp_path)
    assert (report.sound, complaint in told(report)) == (False, True)
    assert refuses(tmp_path) is not None


@pytest.mark.parametrize("content", [b"", b'0123abcd {"format"'])
def test_a_store_that_was_just_begun_is_sound(tmp_path: Path, content: bytes) -> None:
    (tmp_path / JOURNAL).write_bytes(content)
    report = check(tmp_path)
    assert (report.sound, report.documents) == (True, {})
    assert refuses(tmp_path) is None


def test_where_there_is_no_store_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check(tmp_path)


Break = Callable[[bytes, int], bytes]


def cut(content: bytes, place: int) -> bytes:
    return content[:place]


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("broken", [cut, flip])
def test_it_says_sound_of_exactly_what_a_server_starts_on(
    tmp_path: Path, lines: list[bytes], broken: Break
) -> None:
    content = b"".join(lines)
    for place in range(len(content)):
        (tmp_path / JOURNAL).write_bytes(broken(content, place))
        sound = check(tmp_path).sound
        assert sound is (refuses(tmp_path) is None), place
