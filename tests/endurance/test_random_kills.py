"""Kill -9 at random moments, while 16 clients start, poll, stop, restart, delete and fetch."""

from __future__ import annotations

import contextlib
import random
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.endurance.conftest import Tell
from tests.endurance.forms import SEED, form
from tests.endurance.live import ENVIRONMENT, Live, awaited, begin, prepare, processes_of
from tests.endurance.traffic import Client, Crowd

KILLS = form(15, 200)
CLIENTS = 16
LIFE = (0.05, 1.5)  # seconds of real time that a server lives, at the least and at the most
REPLAYED = 3  # older messages that each client sends again after each restart


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    return prepare(tmp_path, ENVIRONMENT.replace("maxJobs = 3", "maxJobs = 6"))


def test_no_kill_under_mixed_load_loses_doubles_or_leaves_anything(
    configuration: Path, tell: Tell
) -> None:
    tell(f"seed {SEED} (ENDURANCE_SEED repeats its choices)")
    crowd, chance = Crowd(CLIENTS, SEED), random.Random(SEED)
    for number in range(KILLS):
        if number % 4 == 3:
            killed_as_it_starts(configuration, chance.uniform(*LIFE))
            continue
        server = Live(configuration)
        check(crowd, server.netloc)
        with crowd.busy(server):
            threading.Event().wait(chance.uniform(*LIFE))
            server.kill()
    with Live(configuration) as server:
        check(crowd, server.netloc)
        crowd.each(lambda client: all_final(client, server))
        crowd.each(lambda client: results_are_whole(client, server))
        nothing_is_left(crowd, server)
    tell(f"{KILLS} kills survived; {told(crowd)}")


def killed_as_it_starts(configuration: Path, seconds: float) -> None:
    """Kill a server that begins to take up its jobs, or has not come that far."""
    process = begin(configuration)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    assert process.poll() is None
    process.kill()
    process.communicate()


def check(crowd: Crowd, netloc: str) -> None:
    """What clients were answered is true, and none of what they sent is accepted again."""
    crowd.each(lambda client: client.check(netloc))
    crowd.each(lambda client: client.replay(netloc, REPLAYED))


def all_final(client: Client, server: Live) -> None:
    """Every job gets to its end, with a log; what still runs is stopped by its owner."""

    def look() -> list[dict[str, Any]] | None:
        jobs = client.consumer.jobs(server.netloc)
        return jobs if all(job["dateFinished"] for job in jobs) else None

    client.consumer.change(server.netloc, "PUT")
    for job in awaited(look, server):
        assert "algorithmLog" in [result["type"] for result in job["results"]], job
        client.poll(server.netloc, job["jobId"])


def results_are_whole(client: Client, server: Live) -> None:
    """Each result is what its checksum says, and no run ran twice."""
    for name, known in client.kept.items():
        for index, (file, digest) in enumerate(known.results[known.run].items()):
            answer = client.consumer.result(server.netloc, name, index)
            assert (answer.status, answer.sha256) == (200, digest), (name, file)
            assert file != "runs.txt" or answer.body == b"run\n", (name, answer.body)
            client.counts["compared"] += 1


def nothing_is_left(crowd: Crowd, server: Live) -> None:
    """No process, mount, folder or file but the results of jobs that are kept."""
    kept = {name: known for client in crowd.clients for name, known in client.kept.items()}
    runs = server.jobs.parent / "local" / "runs"
    awaited(lambda: not any(runs.iterdir()) or None, server)
    assert sorted(path.name for path in server.jobs.iterdir()) == sorted(kept)
    wanted = sorted(f"{name}/{known.run}/results" for name, known in kept.items())
    awaited(lambda: sorted(left(server.jobs)) == wanted or None, server)
    assert [path.name for path in server.jobs.parent.glob(".*")] == []
    assert processes_of(str(server.jobs)) == []
    gone = [name for client in crowd.clients for name in client.jobs if name not in kept]
    assert [name for name in gone if processes_of(name)] == []


def left(jobs: Path) -> list[str]:
    """All that is in the folders of runs."""
    return [str(path.relative_to(jobs)) for path in jobs.glob("*/*/*")]


def told(crowd: Crowd) -> str:
    jobs = [known for client in crowd.clients for known in client.jobs.values()]
    deleted = sum(known.deleted for known in jobs)
    runs = sum(known.run for known in jobs)
    answers = ", ".join(f"{count} {what}" for what, count in sorted(crowd.counts.items()))
    return f"{len(jobs)} jobs with {runs} runs, {deleted} of them deleted; {answers}"
