"""Algorithms that take more than they may: each is ended, and the server stays well."""

from __future__ import annotations

import time

import pytest

from compute_ref.plugins import Exit, ExitReason
from compute_ref_local.supervision import watch
from tests.backends.local.conftest import Place

MIB = 2**20


def test_the_time_limit_ends_it(place: Place) -> None:
    run = place.run("echo begun; sleep 600", seconds=1)
    end = place.finish(run)
    assert end.reason is ExitReason.TIMEOUT
    assert place.log(run).startswith("begun\n")
    assert "time limit" in place.log(run)


def test_at_the_time_limit_it_is_asked_first(place: Place) -> None:
    run = place.python(
        "import os, signal, sys, time\n"
        "def end(*_):\n"
        "    open('/data/outputs/saved', 'w').write('in time'); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "while True: time.sleep(1)\n",
        seconds=1,
    )
    end = place.finish(run)
    assert (end.reason, end.code) == (ExitReason.TIMEOUT, 7)
    assert place.output(run, "saved") == "in time"


def test_memory_in_one_process(place: Place) -> None:
    run = place.python(
        "import time\nheld = []\n"
        "while True:\n    held.append(bytearray(b'x') * 4_000_000); time.sleep(0.01)\n",
        memory=100 * MIB,
    )
    end = place.finish(run)
    assert (end.reason, end.code) == (ExitReason.OOM, 137)
    assert "memory" in place.log(run)


def test_memory_of_all_processes_together(place: Place) -> None:
    run = place.python(
        "import os, time\n"
        "for _ in range(5):\n"
        "    if os.fork() == 0:\n"
        "        held = bytearray(b'x') * 30_000_000; time.sleep(60); os._exit(0)\n"
        "time.sleep(60)\n",
        memory=100 * MIB,
    )
    assert place.finish(run).reason is ExitReason.OOM


def test_memory_that_processes_share_counts_once(place: Place) -> None:
    run = place.python(
        "import os, time\n"
        "held = bytearray(b'x') * 60_000_000\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n"
        "        time.sleep(1); os._exit(0)\n"
        "for _ in range(4): os.wait()\n",
        memory=100 * MIB,
    )
    assert place.finish(run) == Exit(0), place.log(run)


def test_memory_taken_faster_than_it_is_watched(place: Place) -> None:
    run = place.python("held = []\nwhile True: held.append(b'x' * 5_000_000)", memory=40 * MIB)
    assert place.finish(run).reason is ExitReason.OOM, place.log(run)


def test_one_allocation_of_much_memory_fails(place: Place) -> None:
    run = place.python("bytearray(2**40)", memory=100 * MIB)
    assert place.finish(run).code == 1
    assert "MemoryError" in place.log(run)


def test_memory_files_are_bounded_too(place: Place) -> None:
    fill = "head -c 100000000 /dev/zero > "
    run = place.run(f"{fill} /tmp/big; {fill} /dev/shm/big", memory=100 * MIB)
    assert place.finish(run).code != 0
    assert place.log(run).count("No space left") == 2


FILL = """
import os, time
number = 0
while True:
    with open(f"/data/outputs/{number}", "wb") as file:
        file.write(bytes(1_000_000))
    number += 1
    time.sleep(0.01)
"""
ONE = """
with open("/data/outputs/big", "wb") as file:
    while True:
        file.write(bytes(1_000_000))
"""
SPARSE = "open('/data/outputs/big', 'wb').truncate(2**40)"
REMOVED = """
import os, time
held = []
while True:
    held.append(open("/data/outputs/gone", "wb"))
    os.unlink("/data/outputs/gone")
    held[-1].write(bytes(1_000_000)); held[-1].flush()
    time.sleep(0.01)
"""
DEEP = """
import os, time
os.chdir("/data/outputs")
for _ in range(300):
    os.mkdir("d" * 200); os.chdir("d" * 200)
while True:
    time.sleep(1)
"""
CLOSED = """
import os, time
os.mkdir("/data/outputs/closed")
os.chdir("/data/outputs/closed")
held = [open(str(number), "wb") for number in range(40)]
os.chmod("/data/outputs/closed", 0)
for file in held:
    file.write(bytes(1_000_000)); file.flush(); time.sleep(0.01)
time.sleep(60)
"""
MANY = """
import os, time
for number in range(100_000):
    open(f"/data/outputs/{number}", "w").close()
time.sleep(60)
"""


@pytest.mark.parametrize(
    "code",
    [FILL, ONE, SPARSE + "\nimport time; time.sleep(60)", REMOVED, DEEP, CLOSED, MANY],
    ids=["many", "one", "sparse", "removed", "deep", "closed", "empty"],
)
def test_disk_however_it_is_filled(place: Place, code: str) -> None:
    run = place.python(code, disk=20 * MIB)
    end = place.finish(run)
    if code.startswith(SPARSE):
        assert "File too large" in place.log(run)
    else:
        assert end.reason is ExitReason.STORAGE, place.log(run)


def test_what_was_written_in_the_last_moment_counts(place: Place) -> None:
    run = place.python(
        "for name in 'abcdefgh': open(f'/data/outputs/{name}', 'wb').write(bytes(1_000_000))",
        disk=4 * MIB,
    )
    assert place.finish(run).reason is ExitReason.STORAGE


def test_a_fork_bomb_is_ended_and_others_run_on(place: Place) -> None:
    other = place.run("sleep 1; echo well > $OUTPUTS/other", processes=32)
    handle = place.backend.launch(other)
    bomb = place.python(
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
        processes=32,
    )
    end = place.finish(bomb)
    assert (end.reason, end.code) == (ExitReason.EXITED, 137)
    assert "processes" in place.log(bomb)
    assert place.wait(handle) == Exit(0)
    assert place.output(other, "other") == "well\n"


def test_threads_are_bounded_by_the_kernel(place: Place) -> None:
    run = place.python(
        "import threading, time\n"
        "while True:\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n",
        processes=8,
    )
    assert place.finish(run).code == 1
    assert "can't start new thread" in place.log(run)


def test_a_chatty_log_is_cut_once_and_the_algorithm_goes_on(place: Place) -> None:
    run = place.run("yes said | head -c 5000000; echo x > $OUTPUTS/after", log=10_000)
    assert place.finish(run) == Exit(0)
    log = place.log(run)
    assert 10_000 < len(log) < 10_200
    assert log.count("cut off") == 1
    assert place.output(run, "after") == "x\n"


def test_why_it_was_ended_is_said_below_a_log_that_was_cut(place: Place) -> None:
    run = place.run("yes", log=1_000, seconds=1)
    assert place.finish(run).reason is ExitReason.TIMEOUT
    assert place.log(run).endswith("[The algorithm reached the time limit.]\n")


def test_it_keeps_to_its_processors(place: Place) -> None:
    run = place.python("import os; print(len(os.sched_getaffinity(0)))", cpus=0.5)
    assert place.finish(run) == Exit(0)
    assert place.log(run) == "1\n"


def test_no_core_is_dumped(place: Place) -> None:
    run = place.run("ulimit -c; ulimit -n; kill -SEGV $$")
    assert place.finish(run) == Exit(139)
    assert place.log(run).splitlines()[:2] == ["0", "1024"]


def test_an_algorithm_that_ignores_term_is_stopped_within_the_grace_and_a_second(
    place: Place,
) -> None:
    run = place.python(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(1)\n"
    )
    handle = place.backend.launch(run)
    place.until(lambda: "ready" in place.log(run))
    began = time.monotonic()
    place.backend.stop(handle.name, 1)
    took = time.monotonic() - began
    assert place.alive(run) == []
    assert place.wait(handle, 0).code == 137
    assert 1 <= took < 2


def test_a_stop_lets_an_algorithm_that_listens_end_in_its_own_way(place: Place) -> None:
    run = place.run(
        "echo first; sh $ALGO; echo last",
        code="trap 'echo saved > $OUTPUTS/saved; exit 5' TERM; echo ready; sleep 600 & wait",
    )
    handle = place.backend.launch(run)
    place.until(lambda: "ready" in place.log(run))
    place.backend.stop(handle.name, 30)
    assert place.wait(handle, 0) == Exit(0)
    assert place.output(run, "saved") == "saved\n"
    assert place.log(run).endswith("last\n")


def test_a_stop_is_told_to_parents_before_their_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who learns first that its child has ended may take that for the end of its work."""
    family = [9, 8, 1]  # parents first: numbers are used again

    class Stopped(watch.Supervision):
        def __init__(self) -> None:
            self.asked = set()

        def inner(self) -> list[int]:
            return family

    told: list[int] = []
    monkeypatch.setattr(watch, "send", lambda pids, number: told.extend(pids))
    Stopped().ask_inner()
    assert told == family


def test_a_stop_reaches_what_the_entrypoint_begins_after_it(place: Place) -> None:
    run = place.run("echo ready; sleep 600; sleep 600; echo last")
    handle = place.backend.launch(run)
    place.until(lambda: "ready" in place.log(run))
    place.backend.stop(handle.name, 30)
    assert place.wait(handle, 0) == Exit(0)
    assert "last" in place.log(run)
