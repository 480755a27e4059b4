"""Hours of jobs that come and go: nothing grows with the number of those that were."""

from __future__ import annotations

import itertools
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from queue import SimpleQueue

import pytest

from compute_ref.jobs.folder import WORTH_COMPACTING
from tests.endurance.conftest import Tell
from tests.endurance.forms import form
from tests.endurance.live import Consumer, Live, call, prepare

SECONDS = form(45, 3_600)
RATE = 10  # jobs a second that are asked for
CONSUMERS = 20
KEPT = 100  # jobs that are there at a time
SAMPLES = 40
ENVIRONMENTS = """
[[environments]]
id = "instant"
backend = "instant"
maxJobs = 8
"""
CODE = "instant: write answer.txt 42"
#: how much each may grow from the second quarter to the last, beyond the noise of its samples
GROWTH = {
    "memory": form(16, 24) * 2**20,
    "descriptors": 10,
    "threads": 10,
    "files": 40,
    "journal": form(6 * 2**20, 2 * WORTH_COMPACTING),  # as it is before a compaction, and after
}


@dataclass
class Sample:
    """What the server holds; bytes, or how many."""

    memory: int
    descriptors: int
    threads: int
    files: int
    journal: int


def sample(server: Live) -> Sample:
    process = Path(f"/proc/{server.process.pid}")
    pages = int((process / "statm").read_text().split()[1])
    data = server.jobs.parent
    return Sample(
        memory=pages * 4096,
        descriptors=len(list((process / "fd").iterdir())),
        threads=len(list((process / "task").iterdir())),
        files=sum(len(names) for _, _, names in os.walk(data)),
        journal=(data / "store.journal").stat().st_size,
    )


class Shop:
    """Consumers that each start jobs and delete their oldest; one does one thing at a time."""

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        self.free: SimpleQueue[tuple[Consumer, list[str]]] = SimpleQueue()
        self.answers: Counter[str] = Counter()
        for _ in range(CONSUMERS):
            self.free.put((Consumer(), []))

    def turn(self) -> None:
        consumer, jobs = self.free.get()
        answer = consumer.start(self.netloc, CODE, environment="instant")
        self.answers[f"start {answer.status}"] += 1
        if answer.status == 200:
            jobs.append(answer.json[0]["jobId"])
        if len(jobs) > KEPT // CONSUMERS:
            status = consumer.change(self.netloc, "DELETE", jobs[0]).status
            self.answers[f"delete {status}"] += 1
            jobs[:1] = [jobs[0]] if status == 503 else []  # all places were taken: later
        self.free.put((consumer, jobs))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Live]:
    with Live(prepare(tmp_path, ENVIRONMENTS), ("offer", "instant")) as made:
        yield made


def soaked(server: Live, shop: Shop) -> list[Sample]:
    """Samples taken at even distances while jobs come and go at their rate."""
    series: list[Sample] = []
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        turns: list[Future[None]] = []
        for number in itertools.count():
            wait = began + number / RATE - time.monotonic()
            threading.Event().wait(max(0.0, wait))
            if time.monotonic() - began > SECONDS:
                break
            turns.append(pool.submit(shop.turn))
            turns = [turn for turn in turns if not ended(turn)]
            if time.monotonic() - began > len(series) * SECONDS / SAMPLES:
                series.append(sample(server))
        for turn in turns:
            turn.result()
    return series


def ended(turn: Future[None]) -> bool:
    """Whether a turn is over; raises what it raised."""
    if turn.done():
        turn.result()
    return turn.done()


def growth(values: Sequence[int]) -> float:
    """From the second quarter to the last, by their medians: the first is the warm-up."""
    quarter = len(values) // 4
    return statistics.median(values[-quarter:]) - statistics.median(values[quarter : 2 * quarter])


def test_a_server_that_is_used_for_long_levels_off(server: Live, tell: Tell) -> None:
    shop = Shop(server.netloc)
    series = soaked(server, shop)
    grown = {one.name: [getattr(at, one.name) for at in series] for one in fields(Sample)}
    tell(f"{SECONDS} s: {dict(shop.answers)}; {len(series)} samples, growth and every tenth:")
    for name, values in grown.items():
        tell(f"{name:>12} {growth(values):+12.0f}  {values[:: max(1, len(values) // 10)]}")
    assert set(shop.answers) <= {"start 200", "start 503", "delete 200", "delete 503"}
    assert shop.answers["start 200"] > KEPT
    for name, values in grown.items():
        assert growth(values) <= GROWTH[name], (name, values)
    assert call(server.netloc, "GET", "/").status == 200
