"""The checkpoint: it may spare a start most of the reading, and never says anything else."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute_ref.jobs import checkpoint
from compute_ref.jobs.checkpoint import CHECKPOINT, IndexCheckpoint
from compute_ref.jobs.compaction import JOURNAL, compact
from compute_ref.jobs.documents import to_document
from compute_ref.jobs.entries import Entry
from compute_ref.jobs.index import JobFilter, JobIndex
from compute_ref.jobs.journal import Journal
from compute_ref.jobs.model import Status
from compute_ref.jobs.records import Change, encode
from compute_ref.jobs.store import SUMMARIES
from compute_ref.refusals import StoreUnavailable
from tests.compute_ref.jobs.builders import job
from tests.compute_ref.jobs.fallible import Failing, FallibleDisk, Inode, least
from tests.compute_ref.jobs.histories import Contents, contents, opened, picks


class Opened:
    """The journal and the index of a disk, with its checkpoint if there is a sound one."""

    def __init__(self, disk: FallibleDisk, *, sync: bool = True) -> None:
        self.index = JobIndex()
        self.known = checkpoint.load(disk)
        self.journal = Journal(
            disk.open(JOURNAL),
            summaries=SUMMARIES,
            watch=self.index.watch,
            sync=sync,
            checkpoint=self.known,
        )
        disk.sync()

    @property
    def used(self) -> bool:
        """Whether the checkpoint was used."""
        journal = self.journal
        return self.known is not None and self.known.fits(
            journal.generation, journal.end, journal.seal
        )

    @property
    def entries(self) -> dict[str, list[tuple[str, Entry]]]:
        """What is in memory, in its order."""
        tables = self.journal.tables
        return {table: list(entries.items()) for table, entries in tables.items() if entries}

    def found(self, **conditions: str) -> list[str]:
        return list(self.index.find(JobFilter(**conditions)))


def put(name: str, **fields: Any) -> Change:
    return "jobs", name, to_document(replace(job(name), **fields))


def lived() -> FallibleDisk:
    """A store with a checkpoint, and changes after it."""
    disk = FallibleDisk()
    journal = Opened(disk).journal
    for name in ("a", "b", "c", "d"):
        journal.apply([put(name, owner=f"owner of {name}"), ("plans", name, {"text": name})])
    journal.apply([("tokens", "t", {"expires": 5.0}), ("jobs", "b", None)])
    assert checkpoint.save(disk, journal) == journal.end
    journal.apply([put("c", status=Status.COMPLETED), put("e")])
    journal.wait_durable(journal.apply([("jobs", "a", None)]))
    return disk


def without(disk: FallibleDisk) -> FallibleDisk:
    """The disk without its checkpoint."""
    return FallibleDisk({name: inode for name, inode in disk.files.items() if name == JOURNAL})


def bytes_read(disk: FallibleDisk) -> int:
    return sum(call.size for call in disk.calls if call.what == "read")


def test_a_start_with_a_checkpoint_reads_only_what_came_after_it() -> None:
    disk = FallibleDisk()
    journal = Opened(disk).journal
    for number in range(200):
        journal.apply([("plans", f"k{number}", {"text": "x" * 10_000})])
    checkpoint.save(disk, journal)
    journal.apply([put("a")])
    with_it, without_it = disk.as_seen(), without(disk)
    assert Opened(with_it).entries == Opened(without_it).entries
    assert bytes_read(without_it) > 2_000_000
    # the first piece, for the header, and the last, for the seal
    assert bytes_read(with_it) < 1_200_000


def test_the_index_is_the_same_with_and_without_a_checkpoint() -> None:
    disk = lived()
    first, second = Opened(disk), Opened(without(disk))
    assert (first.used, second.used) == (True, False)
    assert first.entries == second.entries
    assert first.found() == second.found() == ["e", "d", "c"]
    assert contents(first.journal) == contents(second.journal)


steps = st.lists(
    st.one_of(
        st.just("save"),
        st.just("compact"),
        st.tuples(
            st.sampled_from(["a", "b", "c", "d"]),
            st.none() | st.sampled_from([Status.WARMING_UP, Status.RUNNING, Status.COMPLETED]),
            st.sampled_from(["0x1", "0x2"]),
            st.booleans(),
        ),
    ),
    max_size=20,
)
FILTERS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"owner": "0xA"},
    {"owner": "0xB"},
    {"agreement_id": "1"},
    {"agreement_id": "0X2"},
    {"job_id": "a"},
)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(steps)
def test_whatever_happened_a_start_finds_what_was_known_before_it(steps: list[Any]) -> None:
    disk = FallibleDisk()
    server = Opened(disk)
    for age, step in enumerate(steps):
        if step == "save":
            checkpoint.save(disk, server.journal)
        elif step == "compact":
            compact(server.journal, disk, lambda: False)
        else:
            server.journal.apply([change_of(server, step, age)])
    for left in (disk.as_seen(), without(disk)):
        again = Opened(left)
        assert again.entries == server.entries
        for conditions in FILTERS:
            assert again.found(**conditions) == server.found(**conditions)
        assert set(again.index.unfinished) == set(server.index.unfinished)
        assert again.index.queued == server.index.queued
        assert again.index.queued_in_all == server.index.queued_in_all


def change_of(server: Opened, step: tuple[str, Status | None, str, bool], age: int) -> Change:
    name, status, order, deleting = step
    if status is None:
        return "jobs", name, None
    known = server.index.jobs.get(name)
    return put(
        name,
        owner="0xA" if name in "ab" else "0xB",
        created=known.created if known else float(age),
        status=status,
        agreement_id=order,
        deleting=deleting,
    )


@pytest.mark.parametrize("change", ["cut", "flip"])
def test_a_damaged_checkpoint_is_left_out(change: str, caplog: pytest.LogCaptureFixture) -> None:
    disk = lived()
    expected = Opened(without(disk)).entries
    data = bytes(disk.files[CHECKPOINT].data)
    for place in range(len(data)):
        broken = bytearray(data)
        if change == "cut":
            del broken[place:]
        else:
            broken[place] ^= 1 << (place % 8)
        caplog.clear()
        files = {**disk.as_seen().files, CHECKPOINT: Inode.holding(bytes(broken))}
        server = Opened(FallibleDisk(files))
        assert server.known is None
        assert "checkpoint is damaged and left out" in caplog.text
        assert server.entries == expected


def test_a_checkpoint_of_which_whole_lines_are_missing_or_too_many_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checkpoint, "ENTRIES_IN_A_LINE", 2)
    lines = bytes(lived().files[CHECKPOINT].data).splitlines(keepends=True)
    assert len(lines) > 4
    for number in range(len(lines)):
        for some in (lines[:number] + lines[number + 1 :], lines[: number + 1] + lines[number:]):
            files = {CHECKPOINT: Inode.holding(b"".join(some))}
            assert checkpoint.load(FallibleDisk(files)) is None
    assert checkpoint.load(FallibleDisk({CHECKPOINT: Inode.holding(b"".join(lines))})) is not None


def test_a_checkpoint_of_another_version_is_left_out() -> None:
    data = encode({"format": "compute-ref index", "version": 1, "end": 1}) + encode(0)
    assert checkpoint.load(FallibleDisk({CHECKPOINT: Inode.holding(data)})) is None


def test_a_store_with_nothing_in_it_has_a_checkpoint_too() -> None:
    disk = FallibleDisk()
    journal = opened(disk)
    assert checkpoint.save(disk, journal) == journal.end
    known = checkpoint.load(disk)
    assert known is not None
    assert list(known.entries()) == []


def test_no_checkpoint_is_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    assert checkpoint.load(FallibleDisk()) is None
    assert caplog.text == ""


def test_a_checkpoint_belongs_to_one_file_alone() -> None:
    known = IndexCheckpoint(end=100, generation="one", seal=7, data=b"")
    asked: list[int] = []

    def seal(end: int) -> int:
        asked.append(end)
        return 7

    assert known.fits("one", 100, seal)
    assert known.fits("one", 250, seal)
    assert asked == [100, 100]
    assert not known.fits("two", 100, seal)
    assert not known.fits("one", 99, seal)
    assert not known.fits("one", 100, lambda end: 8)


def test_a_checkpoint_of_a_file_before_its_compaction_is_not_used() -> None:
    disk = lived()
    server = Opened(disk)
    compact(server.journal, disk, lambda: False)
    again = Opened(disk.as_seen())
    assert not again.used
    assert again.entries == server.entries


def test_a_checkpoint_that_knows_more_than_the_file_has_is_not_used() -> None:
    disk = lived()
    known = checkpoint.load(disk)
    assert known is not None
    for size in (known.end - 1, known.end - 400):
        data = bytes(disk.files[JOURNAL].data[:size])
        cut = FallibleDisk({**disk.as_seen().files, JOURNAL: Inode.holding(data)})
        alone = FallibleDisk({JOURNAL: Inode.holding(data)})
        server = Opened(cut)
        assert not server.used
        assert server.entries == Opened(alone).entries


def test_a_file_restored_from_a_backup_is_not_read_by_the_checkpoint_of_its_other_future() -> None:
    disk = FallibleDisk()
    journal = Opened(disk).journal
    journal.apply([put("a")])
    backup = bytes(disk.files[JOURNAL].data)
    journal.apply([put("b", owner="0xB")])
    checkpoint.save(disk, journal)
    # Restored while no server runs: what it lacks was never there.
    restored = FallibleDisk({**disk.as_seen().files, JOURNAL: Inode.holding(backup)})
    server = Opened(restored)
    for name in ("c", "d", "e"):
        server.journal.apply([put(name, owner="0xC")])
    again = Opened(restored.as_seen())
    assert again.found() == ["e", "d", "c", "a"]
    assert again.entries == server.entries
    assert contents(again.journal).keys() == {("jobs", name) for name in "acde"}


def test_a_checkpoint_speaks_only_of_what_is_durable() -> None:
    disk = FallibleDisk()
    journal = Opened(disk).journal
    for name in ("a", "b", "c"):
        journal.apply([put(name)])
    states: list[Contents] = [contents(journal)]
    cuts: list[FallibleDisk] = []
    disk.on_call = lambda call: cuts.append(disk.as_seen())
    checkpoint.save(disk, journal)
    for seed, cut in enumerate([*cuts, disk]):
        for pick in picks(seed, 8):
            left = cut.after_power_cut(pick)
            server = Opened(left)
            assert server.entries == Opened(without(left)).entries
    assert contents(Opened(disk.after_power_cut(least)).journal) == states[0]


@pytest.mark.parametrize("kind", ["open", "append", "sync", "replace", "sync folder"])
def test_a_checkpoint_that_cannot_be_written_leaves_the_older_one(kind: str) -> None:
    disk = lived()
    server = Opened(disk)
    before = bytes(disk.files[CHECKPOINT].data)
    failing = Failing(0, frozenset([kind]), errno.ENOSPC)
    server.journal.sync()
    disk.on_call = failing
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(disk, server.journal)
    kept = bytes(disk.files[CHECKPOINT].data)
    assert (kept == before) == (kind != "sync folder")
    assert Opened(disk.as_seen()).entries == server.entries
    server.journal.wait_durable(server.journal.apply([put("f")]))


def test_a_closed_or_broken_journal_gets_no_checkpoint() -> None:
    def close(disk: FallibleDisk, journal: Journal) -> None:
        journal.close()

    def fail(disk: FallibleDisk, journal: Journal) -> None:
        disk.on_call = Failing(0, frozenset(["sync"]))
        journal.apply([put("f")])

    breaks: tuple[Callable[[FallibleDisk, Journal], None], ...] = (close, fail)
    for break_ in breaks:
        disk = lived()
        server = Opened(disk)
        before = bytes(disk.files[CHECKPOINT].data)
        break_(disk, server.journal)
        with pytest.raises(StoreUnavailable):
            checkpoint.save(disk, server.journal)
        assert disk.files[CHECKPOINT].data == before


def test_without_sync_a_checkpoint_that_outlived_its_records_is_not_used() -> None:
    disk = FallibleDisk()
    Opened(disk).journal.close()
    journal = Opened(disk, sync=False).journal
    for name in ("a", "b", "c"):
        journal.apply([put(name)])
    checkpoint.save(disk, journal)
    left = disk.after_power_cut(least)
    server = Opened(left, sync=False)
    assert server.entries == {}
    for name in ("d", "e", "f", "g"):
        server.journal.apply([put(name)])
    assert Opened(left.as_seen(), sync=False).found() == ["g", "f", "e", "d"]
