"""Algorithms that misbehave, in the real sandbox: each is contained and the server goes on."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from compute_ref.jobs.outputs import Allowance, collect
from compute_ref.plugins import Exit, ExitReason, Folders, Limits, Run, Site
from compute_ref_local import LocalBackend

LIMITS = Limits(cpus=1, memory=2**28, disk=2**24, log=2**16, seconds=20, processes=64)
NAMES = ("inputs", "ddos", "transformations", "outputs", "logs", "control")


class Bench:
    """A backend, and runs of shell scripts on it."""

    def __init__(self, data_dir: Path, options: dict[str, object]) -> None:
        self.data_dir = data_dir
        self.site = Site(options, data_dir, data_dir, loopback=True)
        self.backend = LocalBackend(self.site)
        self.backend.check()
        self.count = 0

    def run(self, script: str, limits: Limits = LIMITS) -> Run:
        self.count += 1
        root = self.data_dir / "jobs" / f"job{self.count}" / "1"
        folders = Folders(root, *(root / name for name in NAMES))
        for name in NAMES:
            (root / name).mkdir(parents=True)
        (folders.inputs / "data").write_text("secret input\n")
        (folders.transformations / "algorithm").write_text(script)
        (folders.transformations / "algorithm").chmod(0o755)
        for folder in (self.data_dir, self.data_dir / "jobs", root.parent, root):
            folder.chmod(0o711)
        return Run(f"job{self.count}", 1, "sh $ALGO", None, {}, folders, limits)

    def ended(self, script: str, limits: Limits = LIMITS) -> tuple[Run, Exit, str]:
        run = self.run(script, limits)
        end = self.backend.wait(self.backend.launch(run), 60)
        assert end is not None
        return run, end, (run.folders.logs / "algorithm.log").read_text(errors="replace")


@pytest.fixture
def bench() -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp())
    yield Bench(folder, {"sandbox": "require", "uid_base": 71_000})
    shutil.rmtree(folder)


def test_the_algorithm_runs_with_its_inputs_and_its_own_user(bench: Bench) -> None:
    script = "cat /data/inputs/data; id -u; cp /data/inputs/data /data/outputs/x"
    run, end, log = bench.ended(script)
    assert end == Exit(0, ExitReason.EXITED, "")
    assert log.startswith("secret input\n")
    assert (run.folders.outputs / "x").read_text() == "secret input\n"
    assert os.geteuid() != 0 or int(log.split()[-1]) >= 71_000


def test_exit_codes_and_signals_are_told(bench: Bench) -> None:
    assert bench.ended("exit 3")[1].code == 3
    assert bench.ended("kill -9 $$")[1].code == 137


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/root/.profile", "/home", "/var/log", "/run", "{data}", "{other}"]
)
def test_what_belongs_to_others_cannot_be_read(bench: Bench, path: str) -> None:
    other = bench.run("true").folders.inputs / "data"
    (bench.data_dir / "provider.key").write_text("key")
    place = path.format(data=bench.data_dir / "provider.key", other=other)
    _, end, log = bench.ended(f"cat {place} || ls {place} && echo got in")
    assert end.code != 0
    assert "got in" not in log


@pytest.mark.parametrize(
    "script",
    [
        "rm -rf /data/logs; ln -s /etc /data/logs",
        "rmdir /data/outputs && ln -s /etc /data/outputs",
        "echo x > /data/inputs/data",
        "echo x > /data/new",
        "echo x > /usr/bin/new",
        "echo x > /dev/new",
        "echo forged > /data/logs/algorithm.log",
        "ln /data/inputs/data /data/outputs/hard",
    ],
)
def test_nothing_outside_of_outputs_can_be_changed(bench: Bench, script: str) -> None:
    run, _, log = bench.ended(f"{script} && echo done || echo refused")
    assert "refused" in log
    assert not run.folders.outputs.is_symlink()
    assert list(run.folders.outputs.iterdir()) == []
    assert (run.folders.inputs / "data").read_text() == "secret input\n"


def test_no_address_can_be_reached(bench: Bench) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = (
            "import socket\n"
            f"for host in ('127.0.0.1', '10.0.0.1', '8.8.8.8'):\n"
            "    try:\n"
            f"        socket.create_connection((host, {port}), 2)\n"
            "        print('reached')\n"
            "    except OSError:\n"
            "        print('cut off')\n"
        )
        _, end, log = bench.ended(f'python3 -c "$(cat <<X\n{program}\nX\n)"')
    assert (end.code, log.split("\n")[:3]) == (0, ["cut off"] * 3)


def test_no_child_outlives_the_algorithm(bench: Bench) -> None:
    late = "(setsid sh -c 'sleep 30; echo late > /data/outputs/late' &)"
    run, end, log = bench.ended(f"id -u; {late} ; sleep 0.2; exit 0")
    assert end.code == 0
    supervised = bench.backend.list()
    assert f"compute-ref-{run.job_id}-1" not in supervised
    assert alive(int(log.split()[0])) == []


def test_memory_disk_processes_and_time_are_limited(bench: Bench) -> None:
    hog = "python3 -c \"x = b'x' * 2**26; y = [bytearray(x) for _ in range(7)]; input()\"; sleep 9"
    reasons = {
        "oom": "python3 -c \"import time; x = [bytearray(b'x' * 2**22) for _ in range(100)];"
        ' time.sleep(20)"',
        "storage": "cd /data/outputs; i=0;"
        " while :; do head -c 4194304 /dev/zero > $i; i=$((i+1)); done",
        "timeout": "sleep 60",
    }
    short = replace(LIMITS, seconds=6)
    for reason, script in reasons.items():
        assert bench.ended(script, short)[1].reason == reason, reason
    assert bench.ended(hog, short)[1].reason in ("oom", "exited")


def test_a_fork_bomb_ends_with_its_time_and_leaves_nothing(bench: Bench) -> None:
    bomb = "id -u; f() { f | f & }; f; sleep 30"
    _, end, log = bench.ended(bomb, replace(LIMITS, seconds=3))
    assert end.reason in (ExitReason.TIMEOUT, ExitReason.EXITED)
    assert alive(int(log.split()[0])) == []


def test_a_chatty_algorithm_is_cut_off_and_runs_on(bench: Bench) -> None:
    _, end, log = bench.ended("head -c 1000000 /dev/zero | tr '\\0' x; exit 0")
    assert end.code == 0
    assert len(log) < 2**16 + 200
    assert "cut off" in log


def test_links_and_devices_in_outputs_are_not_results(bench: Bench) -> None:
    run, _, _ = bench.ended(
        "cd /data/outputs; ln -s /etc/passwd link; mkfifo pipe; echo x > a; ln a b; echo y > real;"
        " mkdir d; ln -s /etc d/e"
    )
    assert sorted(path.name for path in run.folders.outputs.iterdir()) == [
        "a",
        "b",
        "d",
        "link",
        "pipe",
        "real",
    ]
    target = run.folders.root / "taken"
    target.mkdir()
    collect(run.folders.outputs, target, Allowance(100, 2**20, threading.Event()))
    assert [path.name for path in target.rglob("*") if path.is_file()] == ["real"]


def test_a_run_that_ignores_term_is_stopped_after_the_grace(bench: Bench) -> None:
    run = bench.run("trap '' TERM; echo ready > /data/outputs/ready; sleep 60 & wait; sleep 60")
    handle = bench.backend.launch(run)
    bench.backend.stop(handle.name, 0.5)
    end = bench.backend.wait(handle, 10)
    assert end is not None
    assert end.code == 137 or end.code is None


def test_a_run_is_found_again_and_never_started_twice(bench: Bench) -> None:
    run = bench.run("echo once >> /data/outputs/count; sleep 0.5; exit 4")
    handle = bench.backend.launch(run)
    again = LocalBackend(bench.site)
    again.check()
    assert again.launch(run).name == handle.name
    found = again.find(handle.name)
    assert found is not None
    assert again.wait(found, 30) == Exit(4, ExitReason.EXITED, "")
    assert again.launch(run).name == handle.name
    assert (run.folders.outputs / "count").read_text() == "once\n"
    assert again.find("compute-ref-jobnever-1") is None
    again.stop("compute-ref-jobnever-1", 1)
    again.remove(handle.name)
    again.remove(handle.name)


def test_a_run_whose_supervisor_was_killed_is_lost_and_nothing_of_it_lives(bench: Bench) -> None:
    run = bench.run("sleep 60")
    handle = bench.backend.launch(run)
    started = run.folders.control / "started"
    ready = threading.Event()
    while not started.exists():
        ready.wait(0.01)
    uid = run.folders.outputs.stat().st_uid
    os.kill(handle.data.pid, 9)
    end = bench.backend.wait(handle, 20)
    assert end is not None
    assert end.reason is ExitReason.LOST
    assert alive(uid) == []


def alive(uid: int) -> list[str]:
    """The processes of a user that still run; one that waits to be reaped does not."""
    return [p.name for p in Path("/proc").iterdir() if p.name.isdigit() and _uid(p) == uid]


def _uid(process: Path) -> int:
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return -1 if state in "ZX" else process.stat().st_uid
    except (FileNotFoundError, ProcessLookupError):
        return -1
