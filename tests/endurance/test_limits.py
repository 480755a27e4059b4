"""A server that may open no more files, or begin no more threads and processes, and later may."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.endurance.conftest import Tell
from tests.endurance.live import (
    COMPUTE,
    Consumer,
    Live,
    Reply,
    await_status,
    awaited,
    call,
    final_job,
    final_jobs,
    prepare,
    processes_of,
)

ENVIRONMENTS = """
[deadlines]
watchdog = 1
[[environments]]
id = "local"
backend = "local"
maxJobs = 2
maxJobDuration = 120
"""
NOBODY = 65_533  # the user of a server for which limits hold, where the tests are root's
DESCRIPTORS = "nofile"
TASKS = "nproc"


@pytest.fixture
def server(open_folder: Path) -> Iterator[Live]:
    configuration = prepare(open_folder / "site", ENVIRONMENTS)
    user = None
    if os.geteuid() == 0:
        user = NOBODY
        for path in (open_folder / "site", *(open_folder / "site").rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    with Live(configuration, user=user) as made:
        yield made


@contextmanager
def limited(server: Live, kind: str, most: int) -> Iterator[None]:
    """A soft limit of the server's process alone, which only its own user may set."""
    before = prlimit(server, f"--{kind}", "--output", "SOFT", "--noheadings")
    prlimit(server, f"--{kind}={most}:")
    try:
        yield
    finally:
        prlimit(server, f"--{kind}={before}:")


def prlimit(server: Live, *told: str) -> str:
    command = ["prlimit", "--pid", str(server.process.pid), *told]
    user = server.user
    done = subprocess.run(command, user=user, group=user, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def open_files(server: Live) -> int:
    return max(int(path.name) for path in Path(f"/proc/{server.process.pid}/fd").iterdir()) + 1


def assert_works(server: Live) -> None:
    consumer = Consumer()
    job_id = consumer.started(server.netloc, 'cat "$INPUTS"/*/0 > "$OUTPUTS/copy"')
    assert final_job(consumer, server, job_id)["finishReason"] == "completed", server.log()
    assert consumer.result(server.netloc, job_id, 0).body == b"1 2 3\n"


def cpu_seconds(server: Live) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_callers_beyond_the_limit_of_open_files_are_turned_away(server: Live, tell: Tell) -> None:
    host, _, port = server.netloc.partition(":")
    assert_works(server)
    held: list[socket.socket] = []
    turned_away = 0
    with limited(server, DESCRIPTORS, open_files(server) + 20):
        held += [socket.create_connection((host, int(port)), timeout=60) for _ in range(60)]
        before = cpu_seconds(server)
        threading.Event().wait(1)
        spent = cpu_seconds(server) - before
        for one in held:
            one.settimeout(0.2)
            with suppress(TimeoutError):
                turned_away += one.recv(1) == b""
            one.close()
    tell(f"60 connections, {turned_away} turned away, {spent:.2f} s of processor in one second")
    assert turned_away >= 30
    assert spent < 0.5
    assert server.log().count("connections are refused") == 1, server.log()
    assert_works(server)


def test_short_of_open_files_calls_are_answered_or_turned_away(server: Live, tell: Tell) -> None:
    consumer, owner = Consumer(), Consumer()
    kept = owner.started(server.netloc, 'echo kept > "$OUTPUTS/kept"')
    final_job(owner, server, kept)
    used = open_files(server)
    answers: list[Reply] = []
    for spare in (1, 2, 3, 4, 5, 6, 8, 10):
        with limited(server, DESCRIPTORS, used + spare):
            with suppress(OSError):
                answers.append(consumer.start(server.netloc, "true"))
            with suppress(OSError):
                answers.append(owner.result(server.netloc, kept, 0))
            with suppress(OSError):
                answers.append(call(server.netloc, "GET", COMPUTE, {"jobId": kept}))
    codes = [one.status for one in answers]
    tell(f"{len(codes)} of 24 calls answered: {dict(Counter(codes))}")
    assert set(codes) <= {200, 503}, answers
    assert 200 in codes
    for job in final_jobs(consumer, server, len(consumer.jobs(server.netloc))):
        assert "algorithmLog" in [one["type"] for one in job["results"]], job
    assert owner.result(server.netloc, kept, 0).body == b"kept\n"
    assert_works(server)


def test_short_of_threads_calls_are_refused_and_jobs_wait(server: Live, tell: Tell) -> None:
    consumer, owner = Consumer(), Consumer()
    code = 'echo once >> "$OUTPUTS/runs"; sleep 0.5'
    jobs = [consumer.started(server.netloc, code) for _ in range(5)]
    await_status(consumer, server, jobs[0], 40)
    answers = []
    with limited(server, TASKS, 1):
        for _ in range(5):
            threading.Event().wait(0.5)
            answers.append(owner.start(server.netloc, code).status)
            answers.append(owner.change(server.netloc, "PUT").status)
            assert len(consumer.jobs(server.netloc)) == len(jobs)
    ended = final_jobs(consumer, server, len(jobs))
    tell(f"{len(ended)} jobs went on; answers while there were no threads: {Counter(answers)}")
    assert set(answers) <= {200, 503}
    for job in ended:
        assert job["finishReason"] == "completed", (job, server.log())
        assert consumer.result(server.netloc, job["jobId"], 0).body == b"once\n"
    assert len(owner.jobs(server.netloc)) == answers[::2].count(200)
    assert_works(server)


def test_a_job_is_deleted_without_further_threads_or_later(server: Live) -> None:
    consumer = Consumer()
    job_id = consumer.started(server.netloc, "sleep 600")
    await_status(consumer, server, job_id, 40)
    with limited(server, TASKS, 1):
        answer = consumer.change(server.netloc, "DELETE", job_id)
        assert answer.status in (200, 503), answer.body
    awaited(lambda: not processes_of(job_id) or None, server)
    awaited(lambda: not (server.jobs / job_id).exists() or None, server)
    assert consumer.jobs(server.netloc) == []
