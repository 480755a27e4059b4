"""What a start of the server costs with so many jobs stored, and the memory that they take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, Series, bounded
from benchmarks.live import serving_folder
from benchmarks.machine import memory
from benchmarks.stored import Stored
from compute_ref.jobs.checkpoint import CHECKPOINT

ROUNDS = 3
FAST, SLOW = 3.0, 15.0  # seconds to "Serving on", with and without the checkpoint
MOST_MEMORY = 1.5 * 1024  # bytes a job
ONE = "a start with 1 job"


def figures(one: Stored, many: Stored) -> Iterator[Figure]:
    """Starts with one job and with many, beside each other."""
    name = f"start with {many.count:,} jobs"
    few, least = opened(one)
    few_s, few_bytes = few.median, min(least.values)
    fast, _ = opened(many)
    yield bounded(name, "s", ONE, fast, few_s, FAST)
    slow, _ = opened(many, without=CHECKPOINT)
    yield bounded(f"{name}, no checkpoint", "s", ONE, slow, few_s, SLOW)
    _, held = opened(many)
    each = Series([(bytes_ - few_bytes) / many.count for bytes_ in held.values])
    yield bounded("memory of a stored job", "B", "", each, 0, MOST_MEMORY)


def opened(stored: Stored, without: str = "") -> tuple[Series, Series]:
    """Seconds to the first line, and the bytes of memory that are then held, some times."""
    taken, held = [], []
    for _ in range(ROUNDS):
        if without:
            Path(stored.folder / without).unlink(missing_ok=True)
        since = time.perf_counter()
        with serving_folder(stored) as server:
            taken.append(time.perf_counter() - since)
            held.append(memory(server.pid))
    return Series(taken), Series(held)
