"""What a start of the server costs with so many jobs stored, and the memory that they take."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.live import serving_folder
from benchmarks.machine import memory
from benchmarks.stored import Stored
from compute_ref.jobs.checkpoint import CHECKPOINT

ROUNDS = 3
FAST, SLOW = 3.0, 15.0  # seconds to "Serving on", with and without the checkpoint
MOST_MEMORY = 1.5 * 1024  # bytes a job


def figures(one: Stored, many: Stored) -> Iterator[Figure]:
    """Starts with one job and with many, beside each other."""
    name = f"start with {many.count:,} jobs"
    few_s, few_bytes = opened(one)
    fast_s, _ = opened(many)
    yield Figure(name, f"≤ {FAST:g} s", "s", fast_s, few_s, fast_s, fast_s <= FAST)
    slow_s, _ = opened(many, without=CHECKPOINT)
    goal = f"≤ {SLOW:g} s"
    yield Figure(f"{name}, no checkpoint", goal, "s", slow_s, few_s, slow_s, slow_s <= SLOW)
    _, bytes_ = opened(many)
    each = (bytes_ - few_bytes) / many.count
    goal = f"≤ {MOST_MEMORY:g} B"
    yield Figure("memory of a stored job", goal, "B", each, 0, each, each <= MOST_MEMORY)


def opened(stored: Stored, without: str = "") -> tuple[float, int]:
    """Seconds to the first line, the median of some, and the bytes of memory it then holds."""
    taken, held = [], []
    for _ in range(ROUNDS):
        if without:
            Path(stored.folder / without).unlink(missing_ok=True)
        since = time.perf_counter()
        with serving_folder(stored) as server:
            taken.append(time.perf_counter() - since)
            held.append(memory(server.pid))
    return sorted(taken)[len(taken) // 2], min(held)
