"""Hours of jobs that come and go: nothing grows with the number of those that were."""

from __future__ import annotations

import itertools
import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from tests.endurance.conftest import Tell
from tests.endurance.forms import form
from tests.endurance.live import Consumer, Live, call, prepare

SECONDS = form(45, 3_600)
RATE = 10  # jobs a second that are asked for
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
    "journal": 5 * 2**20,
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
        files=sum(1 for _ in data.rglob("*")),
        journal=(data / "store.journal").stat().st_size,
    )


class Shop:
    """Starts jobs and deletes the oldest, so that there are never more than so many."""

    def __init__(self, netloc: str) -> None:
        self.netloc = netloc
        self.there: list[tuple[Consumer, str]] = []
        self.lock = threading.Lock()
        self.started = 0
        self.refused = 0

    def turn(self, number: int) -> None:
        consumer = Consumer()
        answer = consumer.start(self.netloc, CODE, environment="instant")
        assert answer.status in (200, 503), answer.body
        with self.lock:
            if answer.status == 200:
                self.there.append((consumer, answer.json[0]["jobId"]))
                self.started += 1
            else:
                self.refused += 1
            due = self.there.pop(0) if len(self.there) > KEPT else None
        if due is not None:
            self.remove(*due)

    def remove(self, consumer: Consumer, job_id: str) -> None:
        status = consumer.change(self.netloc, "DELETE", job_id).status
        assert status in (200, 503)
        if status == 503:  # all places for slow calls were taken: later
            with self.lock:
                self.there.append((consumer, job_id))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Live]:
    with Live(prepare(tmp_path, ENVIRONMENTS), ("offer", "instant")) as made:
        yield made


def soaked(server: Live, shop: Shop) -> list[Sample]:
    """Samples taken at even distances while jobs come and go at their rate."""
    series: list[Sample] = []
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        turns: list[Any] = []
        for number in itertools.count():
            wait = began + number / RATE - time.monotonic()
            threading.Event().wait(max(0.0, wait))
            if time.monotonic() - began > SECONDS:
                break
            turns.append(pool.submit(shop.turn, number))
            turns = [turn for turn in turns if not turn.done() or turn.result()]
            if time.monotonic() - began > len(series) * SECONDS / SAMPLES:
                series.append(sample(server))
        for turn in turns:
            turn.result()
    return series


def growth(values: Sequence[int]) -> float:
    """From the second quarter to the last, by their medians: the first is the warm-up."""
    quarter = len(values) // 4
    return statistics.median(values[-quarter:]) - statistics.median(values[quarter : 2 * quarter])


def test_a_server_that_is_used_for_long_levels_off(server: Live, tell: Tell) -> None:
    shop = Shop(server.netloc)
    series = soaked(server, shop)
    grown = {one.name: [getattr(at, one.name) for at in series] for one in fields(Sample)}
    tell(f"{shop.started} jobs in {SECONDS} s, {shop.refused} refused, {len(series)} samples:")
    for name, values in grown.items():
        tell(f"{name:>12} {growth(values):+12.0f}  {values[:: len(values) // 10]}")
    assert shop.started > KEPT
    for name, values in grown.items():
        assert growth(values) <= GROWTH[name], (name, values)
    for consumer, job_id in list(shop.there):
        shop.remove(consumer, job_id)
    assert json.loads(call(server.netloc, "GET", "/").body)
    last = asdict(sample(server))
    assert last["threads"] <= series[-1].threads + GROWTH["threads"]
