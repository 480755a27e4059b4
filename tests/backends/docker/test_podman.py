"""The same backend on Podman's service; docs/docker.md tells what is different there."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from compute_ref.plugins import AlgorithmUnavailable, Backend, Exit, ExitReason, Image, Site
from compute_ref.testing.backend_contract import Server
from compute_ref.testing.backend_contract.limiting import Limiting
from compute_ref.testing.backend_contract.network import Network
from compute_ref.testing.backend_contract.removing import Removing
from compute_ref_docker import backends
from compute_ref_docker.algorithm_log import GAP
from tests.backends.docker.conftest import NUMBER, UID, Place, network, running_engine
from tests.backends.docker.daemons import Engine, Podman, Registry, short_folder, until
from tests.backends.docker.rootfs import LOUD, base, build, load
from tests.backends.docker.servers import (
    COPY,
    DATA,
    calling,
    ended,
    prepare,
    results,
    serving,
    start,
)
from tests.backends.docker.test_lifetime import started_and_killed

MIB = 2**20
GATEWAY = f"10.214.{NUMBER}.1"


@pytest.fixture(scope="module")
def podman(no_proxies: None, registry: Registry) -> Iterator[Engine]:
    """Podman's service, with its containers on this machine's own control groups."""
    with short_folder("podman-") as folder:
        service = Podman(folder)
        service.allow(registry.host)
        with running_engine(service) as engine:
            yield engine


@pytest.fixture
def place(podman: Engine, make_place: Callable[..., Place]) -> Place:
    return make_place(podman)


@pytest.fixture(scope="class")
def podmans_network(podman: Engine) -> Iterator[str]:
    """Its bridge is there only while a container is, so there is always one."""
    bounds = [docker.types.Ulimit(name=name, soft=1024, hard=1024) for name in ("nofile", "nproc")]
    with network(podman, GATEWAY, f"cr-pod{os.getpid()}") as name, podman.client() as api:
        host = api.create_host_config(network_mode=name, ulimits=bounds)
        made = api.create_container("base:1", command=["sleep", "1d"], host_config=host)
        api.start(made)
        yield name
        api.remove_container(made, force=True)


class TestPodman(Limiting, Removing, Network):
    """Of the contract of all backends that in which daemons differ; all of it takes minutes.

    It does not tell what was too much memory.
    """

    host = GATEWAY

    @pytest.fixture
    def new_backend(
        self, podman: Engine, podmans_network: str, data_dir: Path, known_daemon: None
    ) -> Callable[[], Backend]:
        options = {"host": podman.host, "network": podmans_network}
        site = Site(options, data_dir, data_dir, loopback=True)
        return lambda: backends()["docker"](site)

    @pytest.fixture
    def image(self, podman: Engine) -> Image:
        with podman.client() as api:
            return Image("base", "1", str(api.inspect_image("base:1")["Id"]))

    def test_too_much_memory_ends_a_run(self, server: Server) -> None:
        """Its state says that nothing ran out of memory: the run is one that failed."""
        run = server.script("exec tail /dev/zero", memory=32 * MIB)
        assert self.holds(server, "memory", run.limits)
        assert server.finish(run) == Exit(137)


def test_a_server_on_it_completes_a_job(tmp_path: Path, podman: Engine) -> None:
    with serving(prepare(tmp_path, podman.host)) as server, calling(server.url) as client:
        end = ended(client, start(client, COPY))
        assert (end["status"], end["finishReason"]) == (70, "completed"), server.log.read_text()
        found = results(client, end)
    assert found["copy"] == DATA
    assert found["times"] == "once\n"


def test_isolation_holds(place: Place) -> None:
    script = (
        "id -u; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status | cut -f 2\n"
        "for place in / /data /data/inputs /data/logs /bin /etc; do\n"
        "(echo x > $place/intruder) 2> /dev/null && echo $place; done\n"
        "ls /sys/class/net; ls /; ls /data"
    )
    run = place.run("sh $ALGO", code=script)
    assert place.finish(run) == Exit(0)
    lines = place.log(run).splitlines()
    assert lines[:5] == [str(UID), "0" * 16, "0" * 16, "1", "lo"]
    assert lines[-5:] == ["ddos", "inputs", "logs", "outputs", "transformations"]


def test_places_that_podman_adds_are_bounded(
    podman: Engine, make_place: Callable[..., Place]
) -> None:
    place = make_place(podman, tmp_size=MIB)
    fill = "head -c 3000000 /dev/zero > $place/big 2> /dev/null; stat -c %s $place/big"
    places = "/run /var/tmp /tmp /dev/shm"
    run = place.run("sh $ALGO", code=f"for place in {places}; do {fill}; done")
    assert place.finish(run) == Exit(0)
    assert place.log(run).split() == [str(MIB)] * 4


def test_what_the_image_says_about_running_it_is_not_heeded(podman: Engine, place: Place) -> None:
    with podman.client() as api:
        build(api, LOUD, "loud:1")
    run = place.run("id -u; pwd; echo $FROM_IMAGE $VOLUME", image=Image("loud", "1", ""))
    assert place.finish(run) == Exit(0)
    assert place.log(run) == f"{UID}\n/data\nyes /data\n"


def test_time_and_disk_are_watched_and_processes_bounded(place: Place) -> None:
    """Also of one that says nothing, of whose log Podman gives no word while it runs."""
    late = place.run("sleep 600", seconds=1)
    fill = "while test $n -lt 9; do n=$((n + 1)); head -c 1000000 /dev/zero > $OUTPUTS/$n; done"
    full = place.run(f"n=0; {fill}; sleep 600", disk=4 * MIB)
    many = place.run("for n in 1 2 3 4 5 6 7 8 9 10; do sleep 2 & done; wait", processes=6)
    handles = [place.backend.launch(run) for run in (late, full, many)]
    reasons = [place.wait(handle).reason for handle in handles]
    assert reasons == [ExitReason.TIMEOUT, ExitReason.STORAGE, ExitReason.EXITED]
    assert "can't fork" in place.log(many)


def test_one_that_somebody_kills_is_not_told_from_one_that_ends_so(place: Place) -> None:
    run = place.run("echo ready; exec sleep 600")
    handle = place.begin(run)
    with place.engine.client() as api:
        api.kill(place.container(run))
    assert place.wait(handle) == Exit(137)


def test_a_tmp_that_its_image_closes_stays_closed(podman: Engine, place: Place) -> None:
    with podman.client() as api:
        load(api, base(tmp=0o755), "closed")
    run = place.run("echo x > /tmp/x || echo refused", image=Image("closed", "1", ""))
    assert place.finish(run) == Exit(0)
    assert place.log(run).endswith("refused\n")


def test_an_algorithm_that_listens_is_asked(place: Place) -> None:
    code = "trap 'echo saved > $OUTPUTS/saved; exit 5' TERM; echo ready; sleep 600 & wait"
    run = place.run("sh $ALGO; exit $?", code=code)
    handle = place.begin(run)
    place.backend.stop(handle.name, 30)
    assert place.wait(handle) == Exit(5)
    assert place.output(run, "saved") == "saved\n"


def test_the_whole_log_is_there_and_bounded(place: Place) -> None:
    run = place.run("seq 1 5000 | tee $OUTPUTS/same; printf end >> $OUTPUTS/same; printf end")
    assert place.finish(run) == Exit(0)
    log, said = place.log(run), place.output(run, "same")
    told = GAP.decode() in log and log.endswith("\n5000\nend")  # Podman left lines out at first
    assert log == said or (told and set(said.split()) <= set(log.split()))
    chatty = place.run("yes said", log=10_000, seconds=2)
    assert place.finish(chatty).reason is ExitReason.TIMEOUT
    assert 10_000 < len(place.log(chatty)) < 10_400


def test_it_is_taken_up_by_the_next_server_and_its_service_may_be_restarted(
    podman: Engine, place: Place
) -> None:
    run = place.run("echo on; until test -e $OUTPUTS/go; do sleep 0.05; done; echo off; exit 9")
    name = started_and_killed(place, run)
    handle = place.backend.find(name)
    assert handle is not None
    podman.restart(signal.SIGKILL)
    assert place.alive(run) != []
    (run.folders.outputs / "go").touch()
    assert place.wait(handle) == Exit(9)
    assert place.log(run) == "on\noff\n"


def test_images_are_pulled_by_digest(podman: Engine, place: Place, registry: Registry) -> None:
    with podman.client() as api:
        build(api, "FROM base:1\nENV ORIGIN=registry\n", "pushed:1")
        digest = registry.push(podman, "pushed:1", "podmans/image")
        api.remove_image("pushed:1", force=True)
    run = place.run("echo $ORIGIN", image=Image(f"{registry.host}/podmans/image", "1", digest))
    assert place.finish(run) == Exit(0)
    assert place.log(run) == "registry\n"
    absent = Image(f"{registry.host}/podmans/image", "1", "sha256:" + "0" * 64)
    with pytest.raises(AlgorithmUnavailable, match="not known to its registry"):
        place.backend.launch(place.run("true", image=absent))


def test_a_local_images_id_serves_as_checksum(podman: Engine, place: Place) -> None:
    with podman.client() as api:
        found = str(api.inspect_image("base:1")["Id"])
    assert place.finish(place.run("exit 3", image=Image("any/name", "x", found))) == Exit(3)


def test_removing_leaves_nothing(podman: Engine, place: Place) -> None:
    run = place.run("echo ready; sleep 600")
    handle = place.begin(run)
    place.backend.remove(handle.name)
    place.backend.remove(handle.name)
    assert place.alive(run) == []
    with podman.client() as api:
        until(lambda: not api.containers(all=True), "the removal")
