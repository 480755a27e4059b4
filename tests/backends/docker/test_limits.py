"""Algorithms in containers that take more than they may: each is ended, and told why."""

from __future__ import annotations

import time

import pytest

from compute_ref.plugins import Exit, ExitReason
from tests.backends.docker.conftest import Place

MIB = 2**20


def test_the_time_limit_ends_it_and_it_is_asked_first(place: Place) -> None:
    code = "trap 'echo in time > $OUTPUTS/saved; exit 7' TERM\necho begun\nsleep 600 & wait"
    run = place.run("sh $ALGO", code=code, seconds=1)
    end = place.finish(run)
    assert (end.reason, end.code) == (ExitReason.TIMEOUT, 7)
    assert place.output(run, "saved") == "in time\n"
    assert place.log(run) == "begun\n[The algorithm reached the time limit.]\n"


def test_one_that_does_not_heed_the_time_limit_is_killed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compute_ref_docker.keeping.GRACE", 0.5)
    run = place.run("trap '' TERM; while :; do sleep 0.1; done", seconds=1)
    end = place.finish(run)
    assert (end.reason, end.code) == (ExitReason.TIMEOUT, 137)


def test_memory_that_a_child_wants(place: Place) -> None:
    run = place.run("tail /dev/zero; exit 6", memory=32 * MIB)
    end = place.finish(run)
    assert (end.reason, end.code) == (ExitReason.OOM, 6)
    assert place.log(run).endswith("[The algorithm used more memory than the environment has.]\n")


def test_a_child_that_takes_too_much_memory_may_be_borne(place: Place) -> None:
    run = place.run("sh -c 'tail /dev/zero'; echo on; exit 0", memory=32 * MIB)
    assert place.finish(run) == Exit(0)


def test_what_is_in_tmp_counts_as_memory(place: Place) -> None:
    fill = "head -c 60000000 /dev/zero > "
    run = place.run(f"{fill} /tmp/big & {fill} /dev/shm/big; wait; exit 9", memory=32 * MIB)
    assert place.finish(run).reason is ExitReason.OOM


ONE = "while :; do head -c 1000000 /dev/zero >> $OUTPUTS/big; done"
DEEP = (
    "cd $OUTPUTS; n=0; while test $n -lt 120; do mkdir d; cd d; n=$((n+1)); done; echo; sleep 600"
)
CLOSED = (
    "mkdir $OUTPUTS/c; cd $OUTPUTS/c; for n in 1 2 3 4 5 6; do head -c 1000000 /dev/zero > $n;"
    " done; chmod 0 .; sleep 600"
)
MANY = "n=0; while test $n -lt 3000; do : > $OUTPUTS/$n; n=$((n+1)); done; sleep 600"
LAST = "for n in 1 2 3 4 5 6 7 8; do head -c 1000000 /dev/zero > $OUTPUTS/$n; done"


@pytest.mark.parametrize(
    "code",
    [ONE, DEEP, CLOSED, MANY, LAST],
    ids=["one", "deep", "closed", "empty", "last moment"],
)
def test_disk_however_it_is_filled(place: Place, code: str) -> None:
    run = place.run("sh $ALGO", code=code, disk=5 * MIB)
    end = place.finish(run)
    assert end.reason is ExitReason.STORAGE, (end, place.log(run))
    assert place.log(run).endswith("wrote more than the environment's disk holds.]\n")


def test_one_file_is_bounded_by_the_kernel(place: Place) -> None:
    run = place.run("ulimit -f; dd if=/dev/zero of=$OUTPUTS/x bs=1 count=1 seek=1G", disk=4 * MIB)
    end = place.finish(run)
    assert place.log(run).splitlines()[0] == str(5 * MIB // 512)
    assert end.code != 0
    assert (run.folders.outputs / "x").stat().st_size <= 5 * MIB


def test_pipes_and_links_are_not_opened_when_outputs_are_measured(place: Place) -> None:
    run = place.run("mkfifo $OUTPUTS/pipe; ln -s / $OUTPUTS/root; sleep 1", disk=MIB)
    assert place.finish(run) == Exit(0)


def test_a_fork_bomb_is_bounded_and_other_runs_go_on(place: Place) -> None:
    other = place.run("until test -e $OUTPUTS/go; do sleep 0.05; done", processes=16)
    handle = place.backend.launch(other)
    bomb = place.run("bomb() { bomb | bomb & }; bomb; sleep 2; exit 3", processes=16, seconds=20)
    end = place.finish(bomb)
    assert end.reason is ExitReason.EXITED
    assert "can't fork" in place.log(bomb)
    (other.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(0)


def test_one_that_fills_its_processes_is_stopped_all_the_same(place: Place) -> None:
    code = "n=0; while test $n -lt 8; do sleep 600 & n=$((n+1)); done; echo ready; wait; wait"
    run = place.run("sh $ALGO", code=code, processes=8)
    handle = place.backend.launch(run)
    began = time.monotonic()
    place.backend.stop(handle.name, 1)
    assert place.alive(run) == []
    assert time.monotonic() - began < 20


def test_processor_time_is_shared_out(place: Place) -> None:
    run = place.run("cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max; :", cpus=0.5)
    assert place.finish(run) == Exit(0)
    found = place.container(run)
    assert found["HostConfig"]["NanoCpus"] == 500_000_000
    assert "50000" in place.log(run)


def test_more_processors_than_there_are_is_no_error(place: Place) -> None:
    run = place.run("true", cpus=4096)
    assert place.finish(run) == Exit(0)


def test_files_open_at_once_and_core_dumps_are_bounded(place: Place) -> None:
    run = place.run("ulimit -n; ulimit -c; kill -SEGV $$")
    assert place.finish(run) == Exit(139)
    assert place.log(run).splitlines()[:2] == ["1024", "0"]


def test_all_limits_are_told_to_the_kernel(place: Place) -> None:
    run = place.run("true", memory=64 * MIB, processes=9, cpus=1, disk=MIB, log=MIB)
    assert place.finish(run) == Exit(0)
    told = place.container(run)["HostConfig"]
    assert (told["Memory"], told["MemorySwap"], told["PidsLimit"]) == (64 * MIB, 64 * MIB, 11)
    assert told["LogConfig"]["Config"] == {"max-size": str(4 * MIB), "max-file": "2"}
    assert told["RestartPolicy"]["Name"] in ("", "no")
