"""A live server whose jobs run in containers: the same calls, the same results."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_ref.identity.keys import Account
from compute_ref.testing.kit import DATASET
from tests.backends.docker.conftest import UID
from tests.backends.docker.daemons import Engine, until
from tests.backends.docker.servers import (
    COPY,
    DATA,
    LOCAL,
    LOOK,
    STAY,
    calling,
    completed,
    ended,
    outputs,
    prepare,
    reached,
    results,
    serving,
    start,
)


@pytest.fixture
def configuration(tmp_path: Path, engine: Engine) -> Iterator[Path]:
    """On the shared engine, of which nothing may be left to the next test."""
    yield prepare(tmp_path, engine.host)
    with engine.client() as api:
        assert api.containers(all=True) == []


def test_the_same_job_has_the_same_results_in_a_container_as_in_a_process(
    tmp_path: Path, engine: Engine
) -> None:
    configuration = prepare(tmp_path, engine.host)
    configuration.write_text(configuration.read_text() + LOCAL)
    with serving(configuration) as server, calling(server.url) as client:
        jobs = [start(client, COPY, environment) for environment in ("docker", "local")]
        ends = [ended(client, job) for job in jobs]
        found = [results(client, job) for job in ends]
        told = {one["id"]: one for one in client.environments()}
        for end in ends:
            completed(server, end)
            assert [entry["status"] for entry in end["statusHistory"]] == [
                *(1, 10, 20, 30, 40, 50, 60, 70)
            ]
    names = ["algorithm.log", "configuration.log", "copy", "times"]
    assert [sorted(results) for results in found] == [names, names]
    for name in ("algorithm.log", "copy", "times"):
        assert found[0][name] == found[1][name]
    assert found[0]["copy"] == DATA
    assert found[0]["times"] == "once\n"
    assert told["docker"]["backend"] == "docker"
    assert str(UID) in told["docker"]["enforced"]["user"]
    with engine.client() as api:
        until(lambda: not api.containers(all=True), "the last container's removal")


def test_one_line_of_configuration_moves_an_environment_from_processes_to_containers(
    tmp_path: Path, engine: Engine
) -> None:
    configuration, account = prepare(tmp_path, engine.host), Account.create()
    in_containers = configuration.read_text()
    configuration.write_text(in_containers.replace('backend = "docker"', 'backend = "local"'))
    with serving(configuration) as server, calling(server.url, account) as client:
        first = ended(client, start(client, COPY))
        completed(server, first)
    configuration.write_text(in_containers)
    with serving(configuration) as server, calling(server.url, account) as client:
        second = ended(client, start(client, COPY))
        completed(server, second)
        names = ("algorithm.log", "copy", "times")
        before, after = (results(client, job) for job in (first, second))
        assert [before[name] for name in names] == [after[name] for name in names]


def test_an_algorithm_sees_the_same_in_a_container_as_in_a_process(
    tmp_path: Path, engine: Engine
) -> None:
    configuration = prepare(tmp_path, engine.host)
    configuration.write_text(configuration.read_text() + LOCAL)
    with serving(configuration) as server, calling(server.url) as client:
        jobs = [start(client, LOOK, environment) for environment in ("docker", "local")]
        in_container, in_process = (results(client, ended(client, job)) for job in jobs)
    seen = in_container["algorithm.log"]
    assert seen == in_process["algorithm.log"]
    assert re.findall(r"^may write to (.*)", seen, re.MULTILINE) == ["outputs"]
    short = DATASET.removeprefix("did:op:")
    told = ["/data", f"./inputs/{short}/0", "null", f'DIDS=["{short}"]', "OUTPUTS=/data/outputs"]
    assert [line for line in (*told, "all") if line not in seen.splitlines()] == []


def test_a_killed_server_takes_its_containers_up_again(
    tmp_path: Path, configuration: Path, engine: Engine
) -> None:
    account = Account.create()
    with serving(configuration) as server, calling(server.url, account) as client:
        running = start(client, STAY + COPY)
        short = start(client, COPY + "echo short; exit 3")
        reached(client, running, 40)
        reached(client, short, 40)
        until((outputs(tmp_path, short) / "times").exists, "the short one's output")
        server.end(signal.SIGKILL)
    with engine.client() as api:
        until(lambda: len(api.containers()) <= 1, "the end of the short one")
    with serving(configuration) as server, calling(server.url, account) as client:
        (outputs(tmp_path, running) / "go").touch()
        ends = ended(client, running), ended(client, short)
        found = [results(client, end) for end in ends]
        completed(server, ends[0])
    assert (ends[1]["finishReason"], ends[1]["algorithmExitCode"]) == ("failed", 3)
    assert [files["times"] for files in found] == ["once\n", "once\n"]
    assert found[0]["algorithm.log"].startswith("on\noff\n")
    assert found[1]["algorithm.log"].count("short") == 1


def test_what_a_crash_left_without_a_job_is_swept(
    tmp_path: Path, configuration: Path, engine: Engine
) -> None:
    account = Account.create()
    with serving(configuration) as server, calling(server.url, account) as client:
        job = start(client, STAY)
        reached(client, job, 40)
        server.end(signal.SIGKILL)
    for name in ("journal", "index"):
        for file in (tmp_path / "data").glob(f"*{name}*"):
            file.unlink()
    with serving(configuration), engine.client() as api:
        until(lambda: not api.containers(all=True), "the sweep")


def test_stop_and_delete_leave_no_container(configuration: Path, engine: Engine) -> None:
    with serving(configuration) as server, calling(server.url) as client:
        stopped, deleted = start(client, STAY), start(client, STAY)
        for job in (stopped, deleted):
            reached(client, job, 40)
        assert client.stop(str(stopped["jobId"]))["status"] == 7
        assert client.delete(str(deleted["jobId"]))["status"] == 8
        end = ended(client, stopped)
        assert (end["status"], end["finishReason"]) == (70, "stopped")
        assert results(client, end)["algorithm.log"].startswith("on\n")
        with engine.client() as api:
            until(lambda: not api.containers(all=True), "the removal")


def test_a_server_in_a_container_gives_its_folders_to_containers_beside_it(
    tmp_path: Path, engine: Engine, open_network: str
) -> None:
    """Its root file system is busybox and this machine's Python; its paths are not the host's."""
    folder = tmp_path / "host"
    inner = {"listen": "0.0.0.0", "port": 8030, "more": f'host_data_dir = "{folder}/data"'}
    prepare(folder, "unix:///srv/docker.sock", **inner)
    python = {sys.prefix, sys.base_prefix, *filter(None, sys.path), "/usr"}
    shown = {path: path for path in python if Path(path).exists()}
    shown |= {"/usr/bin": "/bin", "/usr/lib": "/lib", "/usr/lib64": "/lib64"}
    binds = [f"{source}:{target}:ro" for source, target in shown.items()]
    binds += [f"{folder}:/srv/compute", f"{engine.socket}:/srv/docker.sock"]
    command = [sys.executable, "-m", "compute_ref", "serve", "--config"]
    with engine.client() as api:
        host = api.create_host_config(binds=binds, network_mode=open_network)
        made = api.create_container(
            "base:1",
            [*command, "/srv/compute/compute-ref.toml"],
            host_config=host,
            environment={"PYTHONPATH": ":".join(filter(None, sys.path)), "PYTHONUNBUFFERED": "1"},
        )
        try:
            api.start(made)
            until(lambda: b"Serving on" in api.logs(made), "the start of a server")
            networks = api.inspect_container(made)["NetworkSettings"]["Networks"]
            url = f"http://{networks[open_network]['IPAddress']}:8030"
            with calling(url) as client:
                end = ended(client, start(client, COPY))
                assert end["finishReason"] == "completed", api.logs(made).decode()
                assert results(client, end)["copy"] == DATA
        finally:
            api.remove_container(made, force=True)


def test_many_jobs_at_once_run_each_once(configuration: Path) -> None:
    with serving(configuration) as server, calling(server.url) as client:
        jobs = [start(client, COPY) for _ in range(6)]
        for job in jobs:
            end = ended(client, job)
            completed(server, end)
            assert results(client, end)["times"] == "once\n"
