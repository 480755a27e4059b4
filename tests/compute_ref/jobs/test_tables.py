"""TinyDB on the journal: its own API, lazily, and each change is one record of what changed."""

from __future__ import annotations

import threading
import tracemalloc
from typing import Any

import pytest
from tinydb import where
from tinydb.table import Document

from compute_ref.jobs.entries import Entry
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.records import Line, lines
from compute_ref.jobs.store import SUMMARIES
from compute_ref.jobs.tables import JournalDB, JournalStorage, JournalTable, LazyTable, Overlay
from tests.compute_ref.jobs.fallible import FallibleDisk, least

NO_ID = r"^give the document an id: Document\(fields, doc_id=\.\.\.\)$"
AROUND = "^change documents through their tables, which journal it$"


def ignore(table: str, key: str, entry: Entry | None) -> None:
    """No index is kept."""


class Base:
    """A database on a disk whose calls are listed, with as many documents as asked for."""

    def __init__(self, count: int = 0, disk: FallibleDisk | None = None, text: str = "") -> None:
        self.disk = disk or FallibleDisk()
        file = self.disk.open("store.journal")
        self.journal = Journal(file, summaries=SUMMARIES, watch=ignore, sync=True)
        self.disk.sync()
        self.storage = JournalStorage(self.journal)
        self.db = JournalDB(storage=lambda: self.storage)
        self.table: JournalTable = self.db.journal_table("things")
        for number in range(count):
            self.table.put(f"k{number}", {"number": number, "text": text})
        self.disk.calls.clear()

    def reopened(self) -> Base:
        """The same files in a new server, after the old one was killed."""
        return Base(disk=self.disk.as_seen())

    def asked(self, what: str) -> int:
        """How often the disk was asked for something since the base was made."""
        return sum(call.what == what for call in self.disk.calls)

    def records(self) -> list[Any]:
        """The changes of every record but the header."""
        found = lines([bytes(self.disk.files["store.journal"].data)], 0)
        return [line.changes for line in found if isinstance(line, Line) and line.offset]


def ids(documents: list[Any]) -> list[str]:
    return [document.doc_id for document in documents]


def numbers(base: Base) -> dict[str, int]:
    return {str(document.doc_id): document["number"] for document in base.table}


def test_tinydb_stores_and_finds_documents_under_our_ids() -> None:
    base = Base()
    assert base.table.insert(Document({"number": 0}, "a")) == "a"  # type: ignore[arg-type,comparison-overlap]
    base.table.insert_multiple([Document({"number": n}, str(n)) for n in (1, 2)])  # type: ignore[arg-type]
    assert len(base.table) == 3
    assert base.table.get(doc_id="a") == {"number": 0}  # type: ignore[call-overload]
    assert base.table.get(doc_id="b") is None  # type: ignore[call-overload]
    assert base.table.get(where("number") == 2) == {"number": 2}
    assert ids(base.table.search(where("number") >= 1)) == ["1", "2"]
    assert ids(base.table.all()) == ["a", "1", "2"]
    assert base.table.contains(where("number") == 1)
    assert base.table.count(where("number") < 2) == 2
    assert base.db.tables() == {"things"}
    assert numbers(base.reopened()) == numbers(base) == {"a": 0, "1": 1, "2": 2}


def test_tinydb_changes_and_removes_documents() -> None:
    base = Base(4)
    base.table.update({"text": "even"}, where("number").one_of([0, 2]))
    base.table.update(lambda document: document.update(number=10), doc_ids=["k0", "none"])  # type: ignore[list-item]
    base.table.upsert(Document({"number": 11}, "k1"))  # type: ignore[arg-type]
    base.table.upsert(Document({"number": 99}, "new"))  # type: ignore[arg-type]
    base.table.remove(where("number") == 2)
    base.table.remove(doc_ids=["k3", "none"])  # type: ignore[list-item]
    assert numbers(base) == {"k0": 10, "k1": 11, "new": 99}
    assert base.table.read("k0") == {"number": 10, "text": "even"}
    assert numbers(base.reopened()) == numbers(base)


def test_tables_are_emptied_and_dropped_for_good() -> None:
    base = Base(3)
    base.db.journal_table("others").put("x", {"number": 1})
    base.table.truncate()
    assert numbers(base.reopened()) == {}
    base.table.put("k", {"number": 1})
    base.db.drop_table("things")
    assert numbers(base) == numbers(base.reopened()) == {}
    assert base.db.journal_table("others").read("x") == {"number": 1}
    records = len(base.records())
    base.db.drop_tables()
    assert len(base.records()) == records + 1
    again = base.reopened()
    assert len(again.db.table("others")) == len(base.db.table("others")) == 0


def test_documents_are_read_one_by_one_as_they_are_asked_for() -> None:
    base = Base(50)
    walk = iter(base.table)
    assert next(walk)["number"] == 0
    assert base.asked("read") == 1
    assert base.table.get(where("number") == 3) is not None
    assert base.asked("read") == 1 + 4
    base.disk.calls.clear()
    assert len(base.table) == 50
    assert base.table.read("k7") is not None
    assert base.asked("read") == 1


def test_a_search_through_many_documents_holds_few_of_them() -> None:
    base = Base(200, text="x" * 20_000)
    tracemalloc.start()
    base.table.update({"number": -1}, where("number") == 3)
    base.table.search(where("number") == 150)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_500_000, "of 4,000,000 bytes"
    assert numbers(base)["k3"] == -1


def test_who_goes_through_a_table_is_not_stopped_by_changes_meanwhile() -> None:
    base = Base(5)
    walk = iter(base.table)
    assert next(walk)["number"] == 0
    base.table.drop(["k1"])
    base.table.put("k2", {"number": 22})
    base.table.put("k9", {"number": 9})
    assert [document["number"] for document in walk] == [22, 3, 4]


def test_a_search_finds_what_is_stored_now() -> None:
    base = Base(2)
    wanted = where("text") == "seen"
    assert base.table.search(wanted) == []
    base.table.put("k0", {"number": 0, "text": "seen"})
    assert ids(base.table.search(wanted)) == ["k0"]
    base.table.drop(["k0"])
    assert base.table.search(wanted) == []


def test_only_what_changed_is_written() -> None:
    base = Base(100)
    base.table.update({"text": "seen"}, where("number") == 7)
    assert base.records()[100:] == [[("things", "k7", {"number": 7, "text": "seen"})]]
    base.table.update({"text": "seen"}, where("number") == 7)
    base.table.update({"text": "seen"}, where("number") == 1_000)
    base.table.drop(["none"])
    assert len(base.records()) == 101, "what stays as it was is not written again"


def test_documents_changed_long_before_the_end_of_an_update_are_kept() -> None:
    base = Base(200)
    base.table.update(lambda document: document.update(number=-document["number"]))
    assert numbers(base.reopened()) == {f"k{n}": -n for n in range(200)}
    assert len(base.records()) == 201


def test_a_table_being_changed_counts_what_will_be_there() -> None:
    base = Base(4)
    below = LazyTable(base.journal, "things")
    assert (len(below), len(below.items())) == (4, 4)
    table = Overlay(below)
    del table["k0"]
    table["k1"] = Document({"number": 10}, "k1")  # type: ignore[arg-type]
    table["new"] = Document({"number": 5}, "new")  # type: ignore[arg-type]
    assert (list(table), len(table)) == (["k1", "k2", "k3", "new"], 4)
    table["dropped"] = Document({"number": 6}, "dropped")  # type: ignore[arg-type]
    del table["dropped"]
    assert [key in table for key in ("k0", "k1", "new", "dropped")] == [False, True, True, False]
    assert len(table) == 4


def test_nothing_stands_for_a_document_while_its_table_is_being_changed() -> None:
    base = Base(1)
    before = base.storage.entry("things", "k0")
    assert before is not None
    with base.storage.batch():
        base.table.put("k0", {"number": 1})
        assert base.storage.entry("things", "k0") is None
    assert base.storage.entry("things", "k0") not in {None, before}


def test_what_is_put_counts_whatever_was_done_to_what_was_read() -> None:
    base = Base(1)
    table = Overlay(LazyTable(base.journal, "things"))
    table["k0"]["number"] = 7
    table["k0"] = put = Document({"number": 8}, "k0")  # type: ignore[arg-type]
    assert table.changes("things") == [("things", "k0", put)]


def test_what_is_removed_stays_so_whatever_was_done_to_what_was_read() -> None:
    base = Base(1)
    table = Overlay(LazyTable(base.journal, "things"))
    table["k0"]["number"] = 7
    del table["k0"]
    assert table.changes("things") == [("things", "k0", None)]


def test_a_batch_is_one_record_and_sees_its_own_changes() -> None:
    base = Base(1)
    with base.storage.batch():
        base.table.put("a", {"number": 1})
        with base.storage.batch():
            base.db.journal_table("others").put("b", {"number": 2})
        base.table.drop(["k0"])
        assert numbers(base) == {"a": 1}
        assert "a" not in base.journal.tables["things"], "nothing is written before the end"
    assert len(base.records()) == 2
    assert numbers(base.reopened()) == {"a": 1}


def test_a_batch_that_fails_leaves_nothing() -> None:
    base = Base(2)

    def change_and_fail() -> None:
        with base.storage.batch():
            base.table.put("k0", {"number": 99})
            base.table.drop(["k1"])
            base.db.drop_tables()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_and_fail()
    assert numbers(base) == {"k0": 0, "k1": 1}
    assert len(base.records()) == 2
    base.table.put("k0", {"number": 1})  # the thread is not in the batch any more
    assert numbers(base.reopened()) == {"k0": 1, "k1": 1}


def test_a_batch_may_drop_what_it_made() -> None:
    base = Base(1)
    with base.storage.batch():
        base.db.journal_table("others").put("b", {"number": 2})
        base.db.drop_tables()
    assert len(base.reopened().db.table("others")) == 0
    assert numbers(base) == {}


def test_others_see_a_batch_whole_or_not_at_all() -> None:
    base, seen = Base(1), list[dict[str, int]]()
    other = threading.Thread(target=lambda: seen.append(numbers(base)))
    with base.storage.batch():
        base.table.put("a", {"number": 1})
        other.start()
        base.table.put("b", {"number": 2})
    other.join()
    assert seen[0] in ({"k0": 0, "a": 1, "b": 2}, {"k0": 0})


def test_a_document_without_an_id_is_refused_with_what_to_do() -> None:
    base = Base()
    with pytest.raises(ValueError, match=NO_ID):
        base.table.insert({"number": 1})
    with pytest.raises(ValueError, match=NO_ID):
        base.db.insert({"number": 1})
    assert base.records() == []


def test_writing_around_the_journal_is_refused_with_what_to_do() -> None:
    base = Base(1)
    around: tuple[dict[str, dict[str, Any]], ...] = (
        {"things": {"k0": {"number": 9}}},
        {"things": {}},
        {"new": {"a": {}}},
    )
    for data in around:
        with pytest.raises(ValueError, match=AROUND):
            base.db.storage.write(data)
    assert numbers(base) == {"k0": 0}
    assert len(base.records()) == 1


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_json_cannot_say_is_refused_before_anything_is_written(value: object) -> None:
    base = Base(1)
    size = base.disk.files["store.journal"].data[:]
    with pytest.raises((ValueError, TypeError)):
        base.table.put("k0", {"number": value})
    assert base.disk.files["store.journal"].data == size
    assert numbers(base) == {"k0": 0}


def test_a_job_that_could_not_be_found_again_is_refused() -> None:
    base = Base()
    jobs = base.db.journal_table("jobs")
    with pytest.raises(KeyError, match="owner"):
        jobs.put("a", {"jobId": "a"})
    assert base.records() == []
    assert jobs.read("a") is None


def test_what_tinydb_writes_is_durable_once_somebody_waited() -> None:
    base = Base()
    base.table.put("a", {"number": 1})
    base.journal.sync()
    base.table.put("b", {"number": 2})
    assert numbers(Base(disk=base.disk.after_power_cut(least))) == {"a": 1}


def test_closing_the_database_closes_the_journal() -> None:
    base = Base(1)
    base.db.close()
    assert base.asked("close") == 1
