"""What the kernel holds a run to, in a control group of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from compute_ref.plugins import Exit, ExitReason, Limits
from tests.backends.local.conftest import PATIENCE, Place
from tests.cgroup.conftest import groups_below, start_in

MIB = 2**20
PART = "bytearray(b'x') * 10_000_000"

ANONYMOUS = f"held = [{PART} for _ in range(30)]"
EVERY_KIND = """
import ctypes, os, socket, sys
megabytes = int(sys.argv[1])

def filled(file):
    for _ in range(megabytes):
        os.write(file, b"x" * 1_000_000)
    return file

anonymous = bytearray(b"x") * (megabytes * 1_000_000)
in_memory = filled(os.memfd_create("open"))
here, there = socket.socketpair()
on_its_way = filled(os.memfd_create("sent"))
socket.send_fds(here, [b"x"], [on_its_way])
os.close(on_its_way)
scratch = filled(os.open("/dev/shm/scratch", os.O_CREAT | os.O_WRONLY))
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
attached = libc.shmat(libc.shmget(0, megabytes * 1_000_000, 0o1600), None, 0)
ctypes.memset(attached, 1, megabytes * 1_000_000)
"""
ENDLESS_THREADS = """
import threading, time
while True:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""
BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"


def test_memory_of_every_kind_counts(held: Place) -> None:
    """Five times 20 MB are too much, four times are not: each kind has to count."""
    run = held.run("python3 $ALGO 20", code=EVERY_KIND, memory=96 * MIB)
    end = held.finish(run)
    assert (end.reason, end.code) == (ExitReason.OOM, 137), held.log(run)
    assert "memory" in held.log(run)


def test_less_of_every_kind_is_no_matter_and_no_call_is_refused(held: Place) -> None:
    run = held.run("python3 $ALGO 16", code=EVERY_KIND, memory=96 * MIB)
    assert held.finish(run) == Exit(0), held.log(run)


def test_memory_is_held_without_a_sandbox(bare: Place) -> None:
    run = bare.python(ANONYMOUS, memory=100 * MIB)
    assert bare.finish(run).reason is ExitReason.OOM, bare.log(run)


def test_one_that_is_killed_for_another_reason_did_not_run_out_of_memory(held: Place) -> None:
    run = held.python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", memory=100 * MIB)
    assert held.finish(run) == Exit(137)


def test_a_fork_bomb_is_ended_and_others_run_on(held: Place) -> None:
    other = held.run("until test -e $OUTPUTS/go; do sleep 1; done")
    handle = held.backend.launch(other)
    bomb = held.python(BOMB, processes=16)
    end = held.finish(bomb)
    assert (end.reason, end.code) == (ExitReason.EXITED, 137), held.log(bomb)
    assert "processes" in held.log(bomb)
    (other.folders.outputs / "go").touch()
    assert held.wait(handle) == Exit(0)


def test_threads_are_bounded(held: Place) -> None:
    run = held.python(ENDLESS_THREADS, processes=4)
    assert held.finish(run).code == 1
    assert "can't start new thread" in held.log(run)


def test_bounds_are_those_of_the_environment_and_the_group_goes_with_the_run(
    held: Place, group: Path
) -> None:
    run = held.run("until test -e $OUTPUTS/go; do sleep 1; done", cpus=0.5, memory=100 * MIB)
    handle = held.backend.launch(run)
    held.until(lambda: held.alive(run) != [])
    (own,) = (group / name for name in groups_below(group))
    names = ("memory.max", "memory.oom.group", "cpu.max")
    said = [(own / name).read_text().strip() for name in names]
    assert said == [str(100 * MIB), "1", "50000 100000"]
    (run.folders.outputs / "go").touch()
    assert held.wait(handle) == Exit(0)
    assert groups_below(group) == set()


@contextlib.contextmanager
def ended_with(place: Place, group: Path) -> Iterator[None]:
    """A process that only the run's group tells of ends with the run."""
    (own,) = (group / name for name in groups_below(group))
    with subprocess.Popen([*start_in(own), "sleep", str(PATIENCE)]) as other:
        try:
            place.until(lambda: str(other.pid) in (own / "cgroup.procs").read_text().split())
            yield
            assert other.wait(PATIENCE) == -signal.SIGKILL
        finally:
            other.kill()


def test_a_stop_ends_all_of_the_group(held: Place, group: Path) -> None:
    run = held.run("trap '' TERM; setsid sleep 600 & echo ready; sleep 600; sleep 600")
    held.backend.launch(run)
    held.until(lambda: "ready" in held.log(run))
    with ended_with(held, group):
        held.backend.stop(held.backend.name(run.job_id, run.number), 0)
    assert held.alive(run) == []
    assert groups_below(group) == set()


def test_a_killed_supervisor_leaves_no_group(bare: Place, group: Path) -> None:
    run = bare.run("setsid sleep 600 & echo ready; sleep 600")
    handle = bare.backend.launch(run)
    bare.until(lambda: "ready" in bare.log(run))
    with ended_with(bare, group):
        os.kill(bare.supervisor(run), signal.SIGKILL)
        assert bare.wait(handle).reason is ExitReason.LOST
    assert bare.alive(run) == []
    assert groups_below(group) == set()


def test_it_is_told_to_operator_and_consumer(held: Place, group: Path) -> None:
    assert f"memory held by control groups below {group}" in held.backend.check()
    told = held.backend.enforced(Limits(cpus=1, memory=2**30, processes=9))
    assert {told[name] for name in ("cpu", "memory")} == {"by a control group of its own"}
    assert "threads by a control group" in told["processes"]


SLOWLY = f"""
import os, time
open("/data/outputs/ready", "w").close()
while not os.path.exists("/data/outputs/go"): time.sleep(0.2)
held = []
for _ in range(30): held.append({PART}); time.sleep(0.2)
time.sleep(60)
"""


def test_where_controllers_are_taken_away_memory_is_watched(held: Place, group: Path) -> None:
    """As a service manager may where its service starts again."""
    run = held.python(SLOWLY, memory=100 * MIB)
    handle = held.backend.launch(run)
    held.until((run.folders.outputs / "ready").exists)
    (group / "cgroup.subtree_control").write_text("-cpu -memory -pids")
    (run.folders.outputs / "go").touch()
    assert held.wait(handle).reason is ExitReason.OOM, held.log(run)


def test_once_they_are_given_back_the_run_is_held_again(held: Place, group: Path) -> None:
    run = held.python(SLOWLY, memory=100 * MIB)
    handle = held.backend.launch(run)
    held.until((run.folders.outputs / "ready").exists)
    (own,) = (group / name for name in groups_below(group))
    (group / "cgroup.subtree_control").write_text("-cpu -memory -pids")
    assert not (own / "memory.max").exists()
    held.another_backend().check()
    held.until(lambda: (own / "memory.max").read_text() == f"{100 * MIB}\n")
    (run.folders.outputs / "go").touch()
    assert held.wait(handle).reason is ExitReason.OOM, held.log(run)
