"""What an algorithm in a container sees, and what it tries and does not get."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from compute_ref.plugins import AlgorithmUnavailable, Exit, Image
from tests.backends.docker.conftest import UID, Place
from tests.backends.docker.daemons import Engine
from tests.backends.docker.rootfs import build

LOUD = Image("loud", "1", "")


def seen(place: Place, script: str, **options: Any) -> list[str]:
    """Lines that a script wrote before it ended by itself, whatever the last command said."""
    run = place.run("sh $ALGO; exit 0", code=script, **options)
    assert place.finish(run) == Exit(0), place.log(run)
    return place.log(run).splitlines()


def test_the_entrypoint_is_a_shell_command_with_the_algorithm_quoted(place: Place) -> None:
    run = place.run("test -x $ALGO && cat $ALGO | tr a-z A-Z && false || exit 9", code="text\n")
    assert place.finish(run) == Exit(9)
    assert place.log(run) == "TEXT\n"


def test_what_the_image_says_about_running_it_is_not_heeded(place: Place) -> None:
    run = place.run("id -u; pwd; echo $VOLUME $FROM_IMAGE; sleep 3; ls $OUTPUTS", image=LOUD)
    handle = place.begin(run, "yes")
    found = place.container(run)
    assert found["Config"]["StopSignal"] == "SIGTERM"
    assert found["Config"]["Cmd"] in ([], None)
    assert "Health" not in found["State"]
    assert place.wait(handle) == Exit(0)
    assert place.log(run) == f"{UID}\n/data\n/data yes\n"


def test_volumes_of_the_image_are_bounded_folders_and_nothing_of_them_stays(
    engine: Engine, make_place: Callable[..., Place]
) -> None:
    place = make_place(engine, tmp_size=2**20)
    script = (
        "for place in /scratch /tmp; do\n"
        "head -c 3000000 /dev/zero > $place/big 2> /dev/null; stat -c %s $place/big\ndone\n"
        "touch /data/x 2> /dev/null || echo refused"
    )
    assert seen(place, script, image=LOUD) == ["1048576", "1048576", "refused"]
    with engine.client() as api:
        assert not api.volumes()["Volumes"]


def test_a_volume_below_data_is_refused(engine: Engine, place: Place) -> None:
    with engine.client() as api:
        build(api, "FROM base:1\nVOLUME /data/inputs/../outputs\n", "greedy:1")
    with pytest.raises(AlgorithmUnavailable, match="volume below /data"):
        place.backend.launch(place.run("true", image=Image("greedy", "1", "")))


def test_only_outputs_and_tmp_can_be_written(place: Place) -> None:
    script = (
        "for place in / /data /data/inputs /data/ddos /data/transformations /data/logs /bin /etc"
        " /dev /open /proc/sys/kernel /sys /var; do\n"
        "(echo x > $place/intruder) 2> /dev/null && echo $place\ndone\n"
        "for file in /data/inputs/data $VOLUME/transformations/algorithm /data/logs/algorithm.log;"
        " do (echo x >> $file) 2> /dev/null && echo $file; rm -f $file 2> /dev/null; done\n"
        "for place in /data/outputs /tmp /dev/shm; do echo x > $place/x && echo well; done\n"
        "mv /data/outputs /data/moved 2> /dev/null; rmdir /data/outputs 2> /dev/null\n"
        "echo end"
    )
    assert seen(place, script) == ["well", "well", "well", "end"]
    assert not list(place.data_dir.rglob("intruder"))


def test_what_is_not_outputs_is_mounted_read_only_whoever_it_belongs_to(place: Place) -> None:
    lines = seen(place, "cut -d ' ' -f 5,6 /proc/self/mountinfo | grep -E '^/(data.*)? '")
    held = dict(line.split() for line in lines)
    writable = [path for path, options in held.items() if "ro" not in options.split(",")]
    assert len(held) == 7
    assert writable == ["/data/outputs"]


def test_no_capability_is_left_and_none_can_be_got(place: Place) -> None:
    lines = seen(
        place,
        "grep -E 'CapPrm|CapEff|CapBnd|CapInh|CapAmb|Seccomp:' /proc/self/status\n"
        "mknod $OUTPUTS/disk b 8 0 2> /dev/null || echo refused\n"
        "mount -t tmpfs x /tmp 2> /dev/null || echo refused\n"
        "unshare -r true 2> /dev/null || echo refused\n"
        "chown 0 $OUTPUTS 2> /dev/null || echo refused",
    )
    state = dict(line.split(":\t") for line in lines[:6])
    assert state.pop("Seccomp") == "2"
    assert set(state.values()) == {"0" * 16}
    assert lines[6:] == ["refused"] * 4


def test_a_setuid_program_gives_nothing(engine: Engine, place: Place) -> None:
    script = "/bin/suid -s -- sh -c 'grep Uid: /proc/$PPID/status'"
    assert engine.run("sh", "-c", script, user=f"{UID}:{UID}").split()[2] == "0"
    assert seen(place, script) == ["Uid:" + f"\t{UID}" * 4]


def test_a_file_with_the_setuid_bit_in_its_outputs_gives_nobody_anything(place: Place) -> None:
    run = place.run("cp /bin/busybox $OUTPUTS/su && chmod 6777 $OUTPUTS/su && ls -l $OUTPUTS")
    assert place.finish(run) == Exit(0)
    left = run.folders.outputs / "su"
    assert left.stat().st_uid == UID
    assert stat.S_IMODE(run.folders.outputs.stat().st_mode) == 0o700
    assert run.folders.outputs.stat().st_uid == 0


@pytest.fixture
def neighbour() -> Iterator[tuple[int, list[bytes]]]:
    """A server on every address of this machine, that keeps what it is sent."""
    came: list[bytes] = []
    with socket.create_server(("0.0.0.0", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    return
                with caller:
                    came.append(caller.recv(100))

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], came
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_there_is_no_network_unless_allowed(
    place: Place, neighbour: tuple[int, list[bytes]]
) -> None:
    port, came = neighbour
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("192.0.2.1", 9))
        own = out.getsockname()[0]
    script = (
        f"for host in 127.0.0.1 {own} 169.254.169.254; do\n"
        f"echo reached | nc -w 2 $host {port} 2> /dev/null || echo refused\ndone\n"
        "ls /sys/class/net\nwc -l < /proc/net/route"
    )
    assert seen(place, script) == ["refused"] * 3 + ["lo", "1"]
    assert came == []


def test_processes_of_the_machine_and_of_other_runs_are_out_of_sight(place: Place) -> None:
    other = place.run("echo ready; sleep 600")
    handle = place.begin(other)
    lines = seen(place, f"ls /proc | grep -c '^[0-9]'; kill -9 {os.getpid()} 2>&1")
    assert int(lines[0]) < 10
    assert "No such process" in lines[1]
    assert place.alive(other) != []
    place.backend.stop(handle.name, 0)


def test_one_that_kills_all_it_can_reaches_no_other_run(place: Place) -> None:
    other = place.run("echo ready; sleep 600")
    handle = place.begin(other)
    assert place.finish(place.run("kill -9 -1; kill -9 1; kill -9 $$")).code == 137
    assert place.alive(other) != []
    place.backend.stop(handle.name, 0)


def test_the_daemon_and_other_runs_folders_are_out_of_reach(place: Place) -> None:
    other = place.run("echo ready; sleep 600")
    handle = place.begin(other)
    lines = seen(
        place,
        "find / -type s 2> /dev/null\n"
        f"ls {place.data_dir} {other.folders.root} {place.engine.folder} 2> /dev/null\n"
        "ls -d /data/../data/../../root /proc/1/root/root 2> /dev/null\n"
        f"ls /data/inputs/../../{other.folders.root} 2> /dev/null\n"
        f"grep -c {other.job_id} /proc/self/mountinfo",
    )
    assert lines == ["0"]
    place.backend.stop(handle.name, 0)


def test_sensitive_places_of_proc_are_masked(place: Place) -> None:
    lines = seen(
        place,
        "for file in kcore keys timer_list sysrq-trigger; do\n"
        "(head -c 1 /proc/$file | wc -c) 2> /dev/null; done\n"
        "(echo c > /proc/sysrq-trigger) 2> /dev/null || echo refused\n"
        "ls -d /dev/mem /dev/kmsg /dev/vda /dev/sda 2> /dev/null",
    )
    assert lines == ["0", "0", "0", "0", "refused"]


def test_ended_orphans_are_reaped(place: Place) -> None:
    script = (
        "for n in 1 2 3; do sh -c 'sleep 0.01 & exit' ; done\nsleep 0.5\n"
        "grep -l '^State:.Z' /proc/[0-9]*/status 2> /dev/null\necho end"
    )
    assert seen(place, script) == ["end"]


def test_without_a_shell_in_the_image_the_algorithm_cannot_run(place: Place) -> None:
    """With an init process that is found out only when it runs."""
    run = place.run("true", image=Image("bare", "1", ""))
    assert place.finish(run).code == 127
    assert place.log(run) != ""
