"""What looking at jobs costs: one by its id, a consumer's, a page of many, with so many stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from benchmarks.figures import Figure, Sample, Series, in_turn, ratio
from benchmarks.live import JOBS, THREADS, answer_of, running, serving_folder
from benchmarks.load import Load, get, load
from benchmarks.stored import A_LOT, OF_FEW, SOME, Stored
from compute_ref.identity.keys import Account

CLIENTS = 8
BARE = "a bare Falcon resource that sends the same bytes"
SIZES = (1, SOME, 10 * SOME, A_LOT)


class Folders(Protocol):
    """Data folders by the number of jobs in them."""

    def __getitem__(self, count: int) -> Stored:
        """The folder of so many."""


def figures(folders: Folders, work: Path) -> Iterator[Figure]:
    """All of them, from data folders of every size in `SIZES` and of a hundred jobs."""
    yield from by_id(folders, work)
    yield own(folders)
    yield page(folders[A_LOT], work)


def by_id(folders: Folders, work: Path) -> Iterator[Figure]:
    """One job, unsigned and signed, beside the floor; then with more jobs stored."""
    for kind, least in (("unsigned", 0.8), ("signed", 0.6)):
        seen: dict[int, float] = {}
        for size in SIZES:
            name = f"status, {kind}, {size:,} stored"
            with serving_folder(folders[size]) as server:
                target = one_job(folders[size], signed=kind == "signed")
                found = beside_floor(name, server.netloc, target, work, least)
            seen[size] = found.result
            yield found
        yield flat(f"status, {kind}, {A_LOT:,} stored beside 1", seen)


def flat(name: str, seen: dict[int, float]) -> Figure:
    """Whether the ratio to the floor stays the same with more jobs stored."""
    result = min(seen.values()) / seen[1]
    curve = {str(size): value for size, value in seen.items()}
    least = 0.9
    return Figure(
        name,
        "within 10% of none",
        "of the floor",
        "the share with 1 stored",
        min(seen.values()),
        seen[1],
        result,
        result >= least,
        (min(seen.values()), max(seen.values())),
        more={"curve": curve},
    )


def own(folders: Folders) -> Figure:
    """A consumer's hundred jobs, among a hundred and among all."""
    few, all_ = folders[OF_FEW], folders[A_LOT]
    with serving_folder(few) as near, serving_folder(all_) as far:
        ours, floor = in_turn(
            rate(far.netloc, of_owner(all_.few)), rate(near.netloc, of_owner(few.few))
        )
    name = f"{OF_FEW} jobs of a consumer among {A_LOT:,}"
    return ratio(name, "/s", "the same where no others are stored", ours, floor, 0.9)


def page(folder: Stored, work: Path) -> Figure:
    """A page of a hundred of ten thousand jobs of one owner, beside the same bytes."""
    with serving_folder(folder) as server:
        target = of_owner(folder.many) + "&limit=100&offset=5000"
        found = beside_floor("a page of 100 of 10,000", server.netloc, target, work, 0.5)
    enough = 500  # a second
    return Figure(
        **{
            **found.to_json(),
            "goal": "≥ 500/s or ≥ 0.5 of the floor",
            "met": found.met or found.ours >= enough,
        }
    )


def beside_floor(name: str, netloc: str, target: str, work: Path, least: float) -> Figure:
    """Requests a second beside a bare resource that sends the same, and how the slowest compare."""
    loads: list[Load] = []
    floors: list[Load] = []
    with same_bytes(netloc, target, work) as floor_netloc:
        ours, floor = in_turn(rate(netloc, target, loads), rate(floor_netloc, target, floors))
    slow = Series([one.p99 for one in loads]).median / Series([one.p99 for one in floors]).median
    return ratio(name, "/s", BARE, ours, floor, least, p99_ratio=slow)


def rate(netloc: str, target: str, kept: list[Load] | None = None) -> Sample:
    """A sample of answers a second."""

    def sample() -> float:
        found = load(netloc, _forever(get(netloc, target)), CLIENTS)
        if kept is not None:
            kept.append(found)
        return found.rate

    return sample


def _forever(request: bytes) -> Iterator[bytes]:
    while True:
        yield request


@contextmanager
def same_bytes(netloc: str, target: str, work: Path) -> Iterator[str]:
    """A floor that answers as the server does now; its host."""
    headers, body = answer_of(netloc, target)
    told = work / "answer.json"
    told.write_text(json.dumps({"headers": headers, "body": body.decode("utf-8")}))
    with running("benchmarks.floor_server", [str(THREADS), str(told)], work) as floor:
        yield floor.netloc


def one_job(folder: Stored, *, signed: bool) -> str:
    """The target of a look at one job."""
    query = {"jobId": folder.one, "consumerAddress": folder.few.address}
    if signed:
        text = f"{folder.few.address}{folder.one}7"
        query |= {"nonce": "7", "signature": folder.few.sign(text)}
    return f"{JOBS}?{urlencode(query)}"


def of_owner(account: Account) -> str:
    """The target of a look at all of a consumer's."""
    return f"{JOBS}?{urlencode({'consumerAddress': account.address})}"
