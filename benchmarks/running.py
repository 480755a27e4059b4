"""What jobs cost on the local backend: an empty one, a stop, many empty ones in a row."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.figures import Figure, in_turn, ratio, seconds, within
from benchmarks.floors import local, sandboxed
from benchmarks.live import EMPTY, Asker, serving

PLACES = 4
MANY = 100
ROUNDS = 20
BARE = "a bare sub-process in the same sandbox"
SELDOM = 0.05  # seconds: little beside the whole
LOCAL = f"""
[queue]
max_queued_per_owner = 1000
[[environments]]
id = "local"
backend = "local"
maxJobs = {PLACES}
"""
STAYS = {"rawcode": "#", "container": {"entrypoint": "sleep 600"}}


def figures(work: Path, fdatasync: float) -> Iterator[Figure]:
    """All of them, on one server."""
    with serving(work, LOCAL) as server:
        asker = Asker(server.netloc)
        yield empty(asker, work, fdatasync)
        yield stop(asker, work)
        yield throughput(asker, work)


def empty(asker: Asker, work: Path, fdatasync: float) -> Figure:
    """POST to status 70 of an algorithm that does nothing."""
    floor = local(work, "")

    def job() -> None:
        asker.await_end(asker.start(EMPTY))

    ours, bare = in_turn(lambda: seconds(job), lambda: seconds(floor), ROUNDS)
    goal = "≤ 60 ms + 3 fdatasync over the floor"
    return within("empty job, POST to 70", BARE, ours, bare, 60 + 3000 * fdatasync, goal)


def stop(asker: Asker, work: Path) -> Figure:
    """PUT to its answer for an algorithm that runs, beside the signal to a bare process."""

    def ours() -> float:
        job_id = asker.start(STAYS)
        asker.await_status(job_id, 40)
        time.sleep(0.1)  # until the entrypoint is up, in both
        taken = seconds(lambda: asker.stop(job_id))
        asker.await_end(job_id)
        return taken

    def floor() -> float:
        with subprocess.Popen(sandboxed(work, "exec sleep 600"), stdout=subprocess.DEVNULL) as bare:
            time.sleep(0.1)

            def signalled() -> None:
                bare.send_signal(signal.SIGKILL)
                bare.wait()

            return seconds(signalled)

    goal = "≤ 100 ms over the signal"
    beside = f"SIGKILL to {BARE}, and its end"
    return within("stop of a running job", beside, *in_turn(ours, floor), 100, goal)


def throughput(asker: Asker, work: Path) -> Figure:
    """Empty jobs a second, beside processes a second, so many at once."""
    floor = local(work, "")

    def jobs() -> float:
        since = time.perf_counter()
        ids = [asker.start(EMPTY) for _ in range(MANY)]
        ended = [asker.await_end(job_id, SELDOM) for job_id in ids]
        assert all(job["finishReason"] == "completed" for job in ended)
        return MANY / (time.perf_counter() - since)

    def processes() -> float:
        since = time.perf_counter()
        with ThreadPoolExecutor(PLACES) as pool:
            list(pool.map(lambda _: floor(), range(MANY)))
        return MANY / (time.perf_counter() - since)

    ours, bare = in_turn(jobs, processes, 3)
    name = f"empty jobs a second, maxJobs {PLACES}"
    return ratio(name, "/s", f"such sub-processes, {PLACES} at once", ours, bare, 0.6)
