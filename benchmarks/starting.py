"""What a start costs: POST compute until its answer, which is durable."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.live import INSTANT, JOBS, Asker, serving
from benchmarks.load import Load, load, post

STARTS, CLIENTS = 600, 32
NOTHING = {
    "rawcode": "instant: write answer.txt 42\n".ljust(500, "#"),
    "container": {"entrypoint": "true"},
}
STAYS = {"rawcode": "instant: stay", "container": {"entrypoint": "true"}}
SLOW_DISK = 0.004  # seconds of an fdatasync, from which sharing one is worth it


def figures(work: Path, fdatasync: float) -> Iterator[Figure]:
    """One client's starts, and those of many at once."""
    one, many = starts(work / "synced", sync=True)
    median = one.median
    most = 0.008 + fdatasync
    yield Figure(
        "POST to durable answer, one client",
        "≤ 8 ms + one fdatasync",
        "ms",
        1000 * median,
        1000 * fdatasync,
        1000 * median,
        median <= most,
        more={"p99_ms": 1000 * one.p99},
    )
    if fdatasync >= SLOW_DISK:
        yield compared("one client", many, one, 3)
    else:
        _, unsynced = starts(work / "unsynced", sync=False)
        yield compared("sync off", many, unsynced, 0.8)


def compared(beside: str, ours: Load, floor: Load, least: float) -> Figure:
    """The rate of many clients beside another rate."""
    result = ours.rate / floor.rate
    return Figure(
        f"POST, {CLIENTS} clients, beside {beside}",
        f"≥ {least}",
        "/s",
        ours.rate,
        floor.rate,
        result,
        result >= least,
    )


def starts(folder: Path, *, sync: bool) -> tuple[Load, Load]:
    """The starts of one client and of many; no job gets a place, as one that stays has it."""
    with serving(folder, INSTANT, sync=sync) as server:
        netloc = server.netloc
        Asker(netloc).start(STAYS)
        load(netloc, signed(netloc, 50, 1), 1, 60)
        one = load(netloc, signed(netloc, STARTS, 1), 1, 60)
        many = load(netloc, signed(netloc, 4 * STARTS, CLIENTS), CLIENTS, 60)
    return one, many


def signed(netloc: str, count: int, consumers: int) -> list[bytes]:
    """So many starts, signed beforehand, each consumer's nonces in order."""
    askers = itertools.cycle([Asker(netloc) for _ in range(consumers * 4)])
    return [post(netloc, JOBS, next(askers).body(NOTHING)) for _ in range(count)]
