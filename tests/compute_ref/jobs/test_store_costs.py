"""What a look-up or a change costs is the same at 20,000 stored jobs as at ten, counted not timed.

Counted is what the disk is asked for, the Python functions that are called, and the memory that
is taken meanwhile.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compute_ref.jobs import folder
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.documents import to_document
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.model import Status
from compute_ref.jobs.records import encode
from compute_ref.jobs.store import Store
from compute_ref.testing.clock import MovedClock
from tests.compute_ref.jobs.builders import DOCUMENT, OWNER, ROOMY, claim, job, plan
from tests.compute_ref.jobs.fallible import FallibleDisk, Inode
from tests.compute_ref.jobs.histories import opened

FEW, MANY = 10, 20_000


def stored(count: int) -> FallibleDisk:
    """The disk of a server that has accepted so many jobs, each by a consumer of its own."""
    disk = FallibleDisk()
    opened(disk).close()
    lines = bytearray(disk.files[JOURNAL].data)
    document, its_plan = to_document(job("")), plan().to_document()
    for number in range(count):
        name = f"j{number:06}"
        fields = {**document, "jobId": name, "owner": f"0x{number:06}", "agreementId": f"0x{name}"}
        nonce = {"nonce": f"{number:06}"}
        changes = [("jobs", name, fields), ("plans", name, its_plan), ("nonces", name, nonce)]
        lines += encode(changes)
    return FallibleDisk({JOURNAL: Inode.holding(bytes(lines))})


class Cost(NamedTuple):
    calls: Counter[str]
    bytes_read: int
    bytes_written: int
    functions: int
    memory: int


class Stored:
    """A store of so many jobs, and what it costs to do something with it."""

    def __init__(self, count: int, path: Path) -> None:
        self.disk = stored(count)
        self.store = Store.open(path, MovedClock(), disk=self.disk)

    def cost(self, action: Callable[[Store], object]) -> Cost:
        self.disk.calls.clear()
        functions = counted(lambda: action(self.store))
        calls = list(self.disk.calls)
        tracemalloc.start()
        action(self.store)
        _, memory = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return Cost(
            Counter(call.what for call in calls),
            sum(call.size for call in calls if call.what == "read"),
            sum(call.size for call in calls if call.what == "append"),
            functions,
            memory,
        )


def counted(action: Callable[[], object]) -> int:
    """How many functions are called, those of C included."""
    number = 0

    def count(frame: object, event: str, argument: Any) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    gc.disable()  # what it calls is not ours
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
        gc.enable()
    return number


@pytest.fixture(scope="module", autouse=True)
def _untidied() -> Iterator[None]:
    """Nothing is compacted or checkpointed in the background, which is paid for by many changes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder, "WORTH_COMPACTING", 2**40)
        patch.setattr(folder, "WORTH_A_CHECKPOINT", 2**40)
        patch.setattr(folder, "WORTH_A_LAST_ONE", 2**40)
        yield


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    one = Stored(FEW, tmp_path_factory.mktemp("few"))
    yield one
    one.store.close()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    one = Stored(MANY, tmp_path_factory.mktemp("many"))
    yield one
    one.store.close()


class Turns:
    """Numbers that were not used yet, all of the same length, so that each turn costs the same."""

    def __init__(self, last: int) -> None:
        self._last = last

    def next(self) -> int:
        self._last += 1
        return self._last


def accept(store: Store, turns: Turns) -> None:
    number = turns.next()
    order = f"0x{number}"
    store.accept(job(f"k{number}", order=order), plan(order), claim(str(number)), ROOMY)


ACTIONS: dict[str, Callable[[Store, Turns], object]] = {
    "get": lambda store, turns: store.get("j000004"),
    "plan": lambda store, turns: store.plan("j000004"),
    "find by id": lambda store, turns: store.find(JobFilter(job_id="j000004")),
    "find by owner": lambda store, turns: store.find(JobFilter(owner="0x000004")),
    "find by order": lambda store, turns: store.find(JobFilter(agreement_id="J000004")),
    "find a page": lambda store, turns: store.find(JobFilter(), limit=5, offset=3),
    "last nonce": lambda store, turns: store.last_nonce(OWNER),
    "accept": accept,
    "change": lambda store, turns: store.change(
        "j000005", lambda one: replace(one, attempts=turns.next()), sync=True
    ),
    "stop": lambda store, turns: store.ask_stop(["j000006"], claim(str(turns.next()))),
    "consume": lambda store, turns: store.consume(claim(str(turns.next())), "j000007", "ff"),
    "revoke": lambda store, turns: store.revoke("t", 10.0**12, claim(str(turns.next()))),
    "remove nothing": lambda store, turns: store.remove("none"),
}


@pytest.mark.parametrize("name", ACTIONS)
def test_it_costs_the_same_at_any_size(name: str, few: Stored, many: Stored) -> None:
    def cost(one: Stored) -> Cost:
        turns = Turns(100_000 + 1_000 * list(ACTIONS).index(name))
        ACTIONS[name](one.store, turns)  # what is done once, is done
        return one.cost(lambda store: ACTIONS[name](store, turns))

    small, large = cost(few), cost(many)
    assert large.calls == small.calls
    assert large.bytes_read == small.bytes_read
    assert large.bytes_written == small.bytes_written
    assert large.functions == small.functions
    assert large.memory < small.memory + 20_000, "a list of all jobs would have 160,000 bytes"


def test_a_late_page_costs_what_the_first_one_does(many: Stored) -> None:
    def cost(offset: int) -> Cost:
        def find(store: Store) -> object:
            return store.find(JobFilter(document_id=DOCUMENT), limit=5, offset=offset)

        find(many.store)  # what is read once, is remembered
        return many.cost(find)

    first, late = cost(0), cost(MANY // 2)
    assert late.functions == first.functions
    assert late.memory < first.memory + 20_000


def test_what_a_look_up_and_a_change_cost_at_all(many: Stored) -> None:
    looked = many.cost(lambda store: store.get("j000008"))
    record = encode([("jobs", "j000008", to_document(many.store.get("j000008")))])
    assert looked.calls == {"read": 1}
    assert looked.bytes_read < 2 * len(record), "its plan was accepted with it"
    assert many.cost(lambda store: store.get("j000008")).calls == {}, "it is the same as before"
    many.store.change("j000008", lambda one: one.entered(Status.STARTED, 2.0), sync=True)
    assert many.cost(lambda store: store.get("j000008")).calls == {}, "it is what was stored"
    times = iter(range(1, 10))
    changed = many.cost(
        lambda store: store.change(
            "j000008", lambda one: replace(one, attempts=next(times)), sync=True
        )
    )
    assert changed.calls == {"append": 1, "sync": 1}
    assert changed.bytes_written < len(record) + 50


def test_memory_holds_an_entry_of_each_job_and_not_the_job(tmp_path: Path) -> None:
    disk = stored(2_000)
    tracemalloc.start()
    store = Store.open(tmp_path, MovedClock(), disk=disk)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2_000 * 1_600, "bytes for a job, its plan, its owner and their nonce"
    assert len(store.find(JobFilter())) == 1_000
    store.close()


def test_a_job_that_is_not_there_costs_nothing(many: Stored) -> None:
    assert many.cost(lambda store: store.find(JobFilter(job_id="none"))).calls == {}
