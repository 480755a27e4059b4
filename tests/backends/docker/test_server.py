"""A live server whose jobs run in containers: the same calls, the same results."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from compute_ref.identity.keys import Account
from tests.backends.docker.conftest import UID
from tests.backends.docker.daemons import Engine, until
from tests.backends.docker.servers import (
    COPY,
    DATA,
    LOCAL,
    calling,
    ended,
    prepare,
    reached,
    results,
    serving,
    start,
)

STAY = "echo on; until test -e $OUTPUTS/go; do sleep 0.1; done; echo off; "


def outputs(folder: Path, job: Mapping[str, Any]) -> Path:
    return folder / "data" / "jobs" / str(job["jobId"]) / "1" / "outputs"


@pytest.fixture
def configuration(tmp_path: Path, engine: Engine) -> Iterator[Path]:
    """On the shared engine, of which nothing may be left to the next test."""
    yield prepare(tmp_path, engine.host)
    with engine.client() as api:
        assert api.containers(all=True) == []


def assert_completed(job: Mapping[str, Any], server_log: Path) -> None:
    end = (job["status"], job["finishReason"], job["algorithmExitCode"])
    assert end == (70, "completed", 0), (job, server_log.read_text()[-3000:])


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
            assert_completed(end, server.log)
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
        assert_completed(ends[0], server.log)
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


def test_an_image_that_cannot_be_had_ends_the_job_at_32_and_says_why(
    configuration: Path,
) -> None:
    with serving(configuration) as server, calling(server.url) as client:
        job = start(client, COPY, image="127.0.0.1:1/none", checksum="sha256:" + "0" * 64)
        end = ended(client, job)
        log = results(client, end)["algorithm.log"]
    assert (end["status"], end["finishReason"]) == (32, "algorithmProvisioning")
    assert "could not be pulled from its registry" in log
    assert "connection refused" not in log + end["finishMessage"]


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


def test_too_much_memory_and_disk_are_told_apart(configuration: Path) -> None:
    disk = "while :; do head -c 1000000 /dev/zero >> $OUTPUTS/x; done"
    with serving(configuration) as server, calling(server.url) as client:
        jobs = [start(client, script) for script in ("exec tail /dev/zero", disk)]
        ends = [ended(client, job)["finishReason"] for job in jobs]
    assert ends == ["outOfMemory", "storage"]


@pytest.mark.parametrize("own_engine", [["--live-restore"], []], indirect=True, ids=["live", ""])
def test_a_daemon_that_goes_away_and_comes_back_loses_no_job(
    tmp_path: Path, own_engine: Engine
) -> None:
    configuration = prepare(tmp_path, own_engine.host)
    with serving(configuration) as server, calling(server.url) as client:
        job = start(client, STAY + COPY)
        reached(client, job, 40)
        own_engine.end()
        waiting = start(client, COPY)
        reached(client, waiting, 30)
        own_engine.start()
        (outputs(tmp_path, job) / "go").touch()
        first, second = ended(client, job), ended(client, waiting)
        assert_completed(second, server.log)
        if "--live-restore" in own_engine.options:
            assert_completed(first, server.log)
            assert results(client, first)["times"] == "once\n"
        else:
            assert (first["status"], first["finishReason"]) == (70, "evicted")
            assert "daemon was restarted" in first["finishMessage"]


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
            assert_completed(end, server.log)
            assert results(client, end)["times"] == "once\n"
