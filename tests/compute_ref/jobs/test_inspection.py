"""A look at a store's file: it says what a start would say, and changes nothing."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute_ref.clock import Clock
from compute_ref.jobs import inspection
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.inspection import Damage, Report, check, sentences
from compute_ref.jobs.records import StoreDamaged, chunks_of, encode
from compute_ref.jobs.store import Store
from tests.compute_ref.jobs.builders import ROOMY, claim, job, plan
from tests.compute_ref.jobs.fallible import FallibleDisk, Inode
from tests.compute_ref.jobs.histories import contents, opened


def written() -> tuple[bytes, list[int]]:
    """A small file, and where its records begin and it ends; two of them nobody waited for."""
    disk = FallibleDisk()
    journal = opened(disk)
    places = []
    for number, key in enumerate(("a", "b", "c", "d", "e")):
        places.append(journal.end)
        ticket = journal.apply([("jobs", key, {"n": number}), ("plans", "a", {"n": number})])
        if number < 2 or number == 4:
            journal.wait_durable(ticket)
    places.append(journal.end)
    journal.apply([("jobs", "b", None)])
    return bytes(disk.files[JOURNAL].data), [*places, journal.end]


DATA, PLACES = written()


def report_of(data: bytes, folder: Path) -> Report:
    (folder / JOURNAL).write_bytes(data)
    report = check(folder)
    assert (folder / JOURNAL).read_bytes() == data
    return report


def said(report: Report) -> str:
    return "\n".join(sentences(report))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_a_sound_store_is_counted(folder: Path) -> None:
    report = report_of(DATA, folder)
    assert report == Report(
        path=folder / JOURNAL,
        size=len(DATA),
        records=6,
        documents={"jobs": 4, "plans": 1},
        damages=(),
        torn=None,
        header="",
    )
    assert report.sound
    assert [path.name for path in folder.iterdir()] == [JOURNAL], "nothing is made"
    assert said(report) == (
        f"{folder / JOURNAL}: {len(DATA)} bytes, 6 records; now 4 jobs, 1 plans.\n"
        "The store is sound."
    )


def test_an_empty_store_is_sound(folder: Path) -> None:
    report = report_of(DATA[: PLACES[0]], folder)
    assert (report.sound, report.records, report.torn) == (True, 0, None)
    assert "now empty" in said(report)


def test_an_unfinished_end_is_no_damage(folder: Path) -> None:
    report = report_of(DATA[:-3], folder)
    assert report.sound
    assert report.records == 5
    assert report.torn == Damage(PLACES[5], len(DATA) - 3)
    assert f"from byte {PLACES[5]} on, is an unfinished record" in said(report)
    assert said(report).endswith("The store is sound.")


def test_each_place_of_damage_is_told(folder: Path) -> None:
    data = bytearray(DATA)
    for number in (0, 1, 3):
        data[PLACES[number] + 20] ^= 1
    report = report_of(bytes(data), folder)
    assert not report.sound
    assert report.damages == (
        Damage(PLACES[0], PLACES[2]),
        Damage(PLACES[3], PLACES[4]),
    )
    assert f"Damaged from byte {PLACES[0]} up to byte {PLACES[2]}." in said(report)
    assert said(report).endswith("Restore the file from a backup.")


def test_records_that_nobody_waited_for_are_torn_together(folder: Path) -> None:
    # c, d and e were written before anybody waited; without the last one nobody has
    data = bytearray(DATA[: PLACES[5]])
    data[PLACES[2] + 20] ^= 1
    report = report_of(bytes(data), folder)
    assert report.sound
    assert report.torn == Damage(PLACES[2], PLACES[5])
    assert report.records == 2
    assert report.documents == {"jobs": 2, "plans": 1}


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (b"{}\n", "it does not begin with a sound header"),
        (b"\nx", "it does not begin with a sound header"),
        (b"x" * 500, "it does not begin with a sound header"),
        (encode({"format": "something else"}), "it is not a store of this program"),
        (encode([]), "it is not a store of this program"),
        (
            encode({"format": "compute-ref store", "version": 2}),
            "it was written by another version of this program",
        ),
    ],
)
def test_what_is_not_our_store_is_told(data: bytes, header: str, folder: Path) -> None:
    report = report_of(data, folder)
    assert not report.sound
    assert report.header == header
    assert f"The file cannot be used: {header}." in said(report)


def test_where_there_is_no_store_it_says_so(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        check(folder)


def agreement(data: bytes, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What the look says of a file is what a start does with it."""
    report = report_of(data, folder)
    disk = FallibleDisk({JOURNAL: Inode.holding(data)})
    caplog.clear()
    refused: StoreDamaged | None = None
    try:
        journal = opened(disk)
    except StoreDamaged as damaged:
        refused = damaged
    assert report.sound == (refused is None), refused
    if refused is not None:
        assert report.header or report.damages[0].offset == refused.offset
        return
    assert (report.torn is not None) == ("cut off" in caplog.text)
    if report.torn:
        assert f"from byte {report.torn.offset} on" in caplog.text
        assert report.torn.end == len(data)
    assert report.documents == Counter(table for table, _ in contents(journal))


def test_it_says_of_a_file_cut_anywhere_what_a_start_would_say(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for size in range(len(DATA)):
        agreement(DATA[:size], folder, caplog)


def test_it_says_of_any_byte_changed_what_a_start_would_say(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for place in range(len(DATA)):
        value = (0, 10, DATA[place] ^ 1)[place % 3]
        agreement(DATA[:place] + bytes([value]) + DATA[place + 1 :], folder, caplog)


mutilations = st.lists(
    st.tuples(st.integers(0, len(DATA)), st.integers(0, 80), st.binary(max_size=5)),
    min_size=1,
    max_size=4,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(mutilations)
def test_it_says_of_any_file_what_a_start_would_say(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[int, int, bytes]]
) -> None:
    data = DATA
    for start, length, filling in cuts:
        data = data[:start] + filling + data[start + length :]
    handler = Kept()
    logging.getLogger("compute_ref.store").addHandler(handler)
    try:
        agreement(data, tmp_path_factory.mktemp("any"), handler)  # type: ignore[arg-type]
    finally:
        logging.getLogger("compute_ref.store").removeHandler(handler)


class Kept(logging.Handler):
    """What was logged, as caplog keeps it; that one cannot be emptied between two examples."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def clear(self) -> None:
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage()


def test_a_look_while_a_server_writes_sees_a_sound_store(tmp_path: Path) -> None:
    store = Store.open(tmp_path, Clock())
    done = threading.Event()

    def write() -> None:
        for number in range(1, 10_000):
            order = f"0x{number:x}"
            store.accept(job(f"j{number}", order=order), plan(order), claim(str(number)), ROOMY)
            if done.is_set():
                break

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(20):
            report = check(tmp_path)
            assert report.sound, report
            assert report.torn is None or report.torn.offset < report.torn.end == report.size
            if turn == 10:
                store.compact()
    finally:
        done.set()
        writer.join()
        store.close()


def test_what_is_written_while_it_looks_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / JOURNAL).write_bytes(DATA[: PLACES[2]])
    plain = chunks_of

    def grown(*args: object) -> object:
        with (folder / JOURNAL).open("ab") as file:
            file.write(DATA[PLACES[2] : -3])
        return plain(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(inspection, "chunks_of", grown)  # called when the size is known
    report = check(folder)
    assert (report.size, report.records, report.torn) == (PLACES[2], 2, None)


def test_a_file_that_is_replaced_while_it_looks_is_looked_at_to_its_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / JOURNAL).write_bytes(DATA)
    plain = os.fstat

    def replaced(descriptor: int) -> os.stat_result:
        (folder / "other").write_bytes(b"")
        (folder / "other").replace(folder / JOURNAL)
        return plain(descriptor)

    monkeypatch.setattr(os, "fstat", replaced)
    report = check(folder)
    monkeypatch.undo()
    assert (report.size, report.records) == (len(DATA), 6)
