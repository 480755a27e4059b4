"""What a start costs: POST compute until its answer, which is durable."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure, Series, bounded, ratio
from benchmarks.live import INSTANT, JOBS, Asker, serving
from benchmarks.load import Load, load, post

ROUNDS = 3
STARTS, CLIENTS = 600, 32
NOTHING = {
    "rawcode": "instant: write answer.txt 42\n".ljust(500, "#"),
    "container": {"entrypoint": "true"},
}
STAYS = {"rawcode": "instant: stay", "container": {"entrypoint": "true"}}
SLOW_DISK = 0.004  # seconds of an fdatasync, from which sharing one is worth it


def figures(work: Path, fdatasync: float) -> Iterator[Figure]:
    """One client's starts, and those of many at once, with and without waiting for the disk."""
    synced, unsynced = [], []
    for number in range(ROUNDS):
        synced.append(starts(work / f"synced-{number}", sync=True))
        unsynced.append(starts(work / f"unsynced-{number}", sync=False))
    ones = [one for one, _ in synced]
    yield alone(ones, fdatasync)
    many = rates(many for _, many in synced)
    name = f"POST, {CLIENTS} clients at once"
    if fdatasync >= SLOW_DISK:
        yield ratio(name, "/s", "one client", many, rates(ones), 3)
    else:
        free = rates(many for _, many in unsynced)
        yield ratio(name, "/s", "the same with `server.sync` off", many, free, 0.8)


def alone(ones: Sequence[Load], fdatasync: float) -> Figure:
    """How long one client waits for the answer to a start."""
    ours = Series([1000 * one.median for one in ones])
    disk = 1000 * fdatasync
    found = bounded("POST to durable answer", "ms", "one fdatasync", ours, disk, 8 + disk)
    p99 = Series([1000 * one.p99 for one in ones])
    return replace(found, goal="≤ 8 ms + one fdatasync", more={"p99_ms": p99.median})


def rates(loads: Iterable[Load]) -> Series:
    """Starts a second."""
    return Series([one.rate for one in loads])


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
