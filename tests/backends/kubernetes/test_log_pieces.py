"""Logs as clusters give them, old and new, and the file that they become."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute_ref_kubernetes.logfile import CUT, LogFile
from compute_ref_kubernetes.pieces import PIECE, Piece, Pieces

TIMES = [f"2026-11-25T10:03:11.{n:09d}Z" for n in range(100)]


def log_of(lines: Iterable[bytes], *, each: bool) -> bytes:
    """A container's log with times; with `each`, every part of a long line has its own."""
    told = b""
    for time, line in zip(TIMES, lines, strict=False):
        parts = [line[at : at + PIECE] for at in range(0, len(line), PIECE)]
        for number, part in enumerate(parts):
            told += (time.encode() + b" " if each or number == 0 else b"") + part
    return told


def taken(data: bytes, sizes: Iterable[int]) -> list[Piece]:
    """The pieces of `data`, which comes in chunks of these sizes."""
    pieces = Pieces()
    found: list[Piece] = []
    for size in sizes:
        found += pieces.take(data[:size])
        data = data[size:]
    return [*found, *pieces.take(data), *pieces.rest()]


LINES = st.lists(
    st.builds(
        lambda length, byte: bytes([byte]) * length + b"\n",
        st.sampled_from([0, 1, 40, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE]),
        st.integers(0, 255).filter(lambda byte: byte != 10),
    ),
    max_size=5,
)


class TestPieces:
    @pytest.mark.parametrize("each", [True, False], ids=["older", "newer"])
    @given(lines=LINES, sizes=st.lists(st.integers(0, 40_000), max_size=8), end=st.binary())
    def test_whatever_way_it_comes_it_is_what_was_said(
        self, each: bool, lines: list[bytes], sizes: list[int], end: bytes
    ) -> None:
        said = [*lines, end.replace(b"\n", b"")[:100]]
        found = taken(log_of(said, each=each), sizes)
        assert b"".join(piece.text for piece in found) == b"".join(said)
        assert found == taken(log_of(said, each=each), [])

    def test_each_piece_has_the_time_of_its_line(self) -> None:
        found = taken(log_of([b"x" * (PIECE + 9) + b"\n", b"short\n"], each=False), [])
        assert [piece.time for piece in found] == [TIMES[0], TIMES[0], TIMES[1]]

    def test_what_a_node_says_itself_has_no_time(self) -> None:
        found = taken(b"unable to retrieve container logs for docker://1\n", [])
        assert [piece.time for piece in found] == [""]

    def test_a_line_counts_once_it_is_whole(self) -> None:
        pieces = Pieces()
        data = log_of([b"first\n", b"second\n"], each=True)
        assert [piece.text for piece in pieces.take(data[:-1])] == [b"first\n"]
        assert [piece.text for piece in pieces.take(data[-1:])] == [b"second\n"]


class Files:
    """``algorithm.log`` and its position."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "algorithm.log"
        self.position = folder / "log"
        self.begun: list[LogFile] = []

    def open(self, limit: int = 0) -> LogFile:
        self.begun.append(LogFile(self.log, self.position, limit))
        return self.begun[-1]

    def text(self) -> str:
        return self.log.read_text()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def lines(first: int, last: int) -> list[Piece]:
    return [Piece(TIMES[n], f"line {n}\n".encode()) for n in range(first, last)]


def take(log: LogFile, pieces: Iterable[Piece]) -> None:
    log.begin()
    for piece in pieces:
        log.take(piece)


class TestLogFile:
    def test_read_again_nothing_is_repeated(self, files: Files) -> None:
        log = files.open()
        take(log, lines(0, 5))
        take(log, lines(0, 9))
        assert files.text() == "".join(f"line {n}\n" for n in range(9))

    def test_the_next_server_goes_on_where_this_one_was(self, files: Files) -> None:
        take(files.open(), lines(0, 5))
        take(files.open(), lines(0, 9))
        assert files.text() == "".join(f"line {n}\n" for n in range(9))

    def test_what_a_killed_server_had_not_noted_is_taken_again(self, files: Files) -> None:
        take(files.open(), lines(0, 5))
        with files.log.open("a") as file:
            file.write("line 5\nli")
        take(files.open(), lines(0, 9))
        assert files.text() == "".join(f"line {n}\n" for n in range(9))

    def test_a_node_that_threw_the_beginning_away_gives_the_rest(self, files: Files) -> None:
        log = files.open()
        take(log, lines(0, 5))
        take(log, lines(3, 7))
        take(log, lines(3, 9))
        assert files.text() == "".join(f"line {n}\n" for n in range(9))

    def test_lines_said_at_the_same_time_are_told_apart_by_number(self, files: Files) -> None:
        same = [Piece(TIMES[0], f"line {n}\n".encode()) for n in range(9)]
        log = files.open()
        take(log, same[:5])
        take(log, same)
        assert files.text() == "".join(f"line {n}\n" for n in range(9))

    def test_lines_whose_times_are_out_of_order_are_all_there(self, files: Files) -> None:
        mixed = [lines(n, n + 1)[0] for n in (0, 2, 1, 4, 3)]
        for last in range(6):
            take(files.open(), mixed[:last])
        assert files.text() == "".join(f"line {n}\n" for n in (0, 2, 1, 4, 3))

    def test_what_is_no_algorithms_line_is_left_out(self, files: Files) -> None:
        take(files.open(), [*lines(0, 1), Piece("", b"failed to open log file\n")])
        assert files.text() == "line 0\n"

    def test_it_is_cut_at_the_limit_for_good(self, files: Files) -> None:
        for _ in range(2):
            log = files.open(limit=10)
            take(log, lines(0, 5))
            assert log.full
        log.say("The end.")
        assert files.text() == "line 0\nlin" + CUT.decode() + "[The end.]\n"

    def test_a_log_that_became_shorter_is_taken_from_its_beginning(self, files: Files) -> None:
        take(files.open(), lines(0, 5))
        files.log.write_text("")
        take(files.open(), lines(0, 6))
        assert files.text() == "".join(f"line {n}\n" for n in range(6))

    def test_last_words_are_said_once_by_the_server_that_settles(self, files: Files) -> None:
        take(files.open(), lines(0, 2))
        files.begun[-1].say("The end.")
        log = files.open()
        take(log, lines(0, 2))
        log.say("The end.")
        assert files.text() == "line 0\nline 1\n[The end.]\n"

    def test_a_full_disk_costs_the_rest_of_the_log_only(
        self, files: Files, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        log = files.open()
        take(log, lines(0, 1))

        def full(*_: object) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.pwrite", full)
            take(log, lines(0, 3))
        assert log.full
        assert files.text() == "line 0\n"

    def test_a_link_in_its_place_is_not_followed(self, files: Files, tmp_path: Path) -> None:
        (tmp_path / "other").write_text("mine")
        files.log.symlink_to(tmp_path / "other")
        with pytest.raises(OSError, match="symbolic"):
            files.open()
        assert (tmp_path / "other").read_text() == "mine"
