"""A live server: what its configuration says of an environment holds in the containers."""

from __future__ import annotations

from pathlib import Path

import pytest

from compute_ref.client import CallRefused
from compute_ref.plugins import Image
from tests.backends.docker.conftest import UID
from tests.backends.docker.daemons import Engine, Registry
from tests.backends.docker.rootfs import build
from tests.backends.docker.servers import (
    COPY,
    DATA,
    STAY,
    calling,
    completed,
    ended,
    outputs,
    prepare,
    results,
    runs,
    serving,
    start,
)

MIB = 2**20
ABSENT = "sha256:" + "0" * 64


def test_the_environments_limits_are_the_containers(tmp_path: Path, engine: Engine) -> None:
    with serving(prepare(tmp_path, engine.host)) as server, calling(server.url) as client:
        job = start(client, STAY)
        runs(client, tmp_path, job)
        with engine.client() as api:
            (listed,) = api.containers(filters={"name": f"compute-ref-{job['jobId']}-1"})
            held = api.inspect_container(listed["Id"])["HostConfig"]
        (outputs(tmp_path, job) / "go").touch()
        completed(server, ended(client, job))
        (told,) = client.environments()
    assert (held["Memory"], held["MemorySwap"]) == (64 * MIB, 64 * MIB)
    assert (held["NanoCpus"], held["PidsLimit"]) == (500_000_000, 42)
    assert {one["Name"]: one["Hard"] for one in held["Ulimits"]}["fsize"] > 0.01 * 2**30
    assert (held["NetworkMode"], held["CapDrop"]) == ("none", ["ALL"])
    assert (told["ramGB"], told["cpuNumber"], told["diskGB"]) == (0.0625, 0.5, 0.01)
    assert [key for key, how in told["enforced"].items() if how == "no"] == []
    assert told["enforced"]["disk"].startswith("outputs watched every 250 ms")
    assert str(UID) in told["enforced"]["user"]


def test_too_much_memory_disk_and_time_are_told_apart(tmp_path: Path, engine: Engine) -> None:
    disk = "while :; do head -c 1000000 /dev/zero >> $OUTPUTS/x; done"
    scripts = ("exec tail /dev/zero", disk, "sleep 600", "exit 137")
    configuration = prepare(tmp_path, engine.host, seconds=8)
    with serving(configuration) as server, calling(server.url) as client:
        jobs = [start(client, script) for script in scripts]
        ends = [ended(client, job) for job in jobs]
    told = [(end["status"], end["finishReason"]) for end in ends]
    assert told == [(70, "outOfMemory"), (70, "storage"), (70, "timeout"), (70, "failed")]


@pytest.fixture
def private(engine: Engine, private_registry: Registry) -> Image:
    """An image behind a password that the daemon does not have."""
    with engine.client() as api:
        build(api, "FROM base:1\nENV ORIGIN=private\n", "pushed:1")
        digest = private_registry.push(engine, "pushed:1", "whole/image")
        api.remove_image("pushed:1", force=True)
    return Image(f"{private_registry.host}/whole/image", "1", digest)


def test_an_image_of_a_private_registry_is_run_by_its_digest_and_by_no_other(
    tmp_path: Path,
    engine: Engine,
    private: Image,
    private_registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the configuration's usual trust: what is not pinned is not accepted."""
    private_registry.credentials(tmp_path / "docker")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    script = COPY + "echo from $ORIGIN"
    configuration = prepare(tmp_path, engine.host, unpinned="false")
    with serving(configuration) as server, calling(server.url) as client:
        right = start(client, script, image=private.name, checksum=private.checksum)
        wrong = start(client, script, image=private.name, checksum=ABSENT)
        with pytest.raises(CallRefused, match="missing_entrypoint_image_checksum"):
            start(client, script, image=private.name)
        end, refused = ended(client, right), ended(client, wrong)
        completed(server, end)
        found = results(client, end)
        assert found["copy"] == DATA
        assert "from private" in found["algorithm.log"]
        assert (refused["status"], refused["finishReason"]) == (32, "algorithmProvisioning")
        assert f"{ABSENT} is not known to its registry" in results(client, refused)["algorithm.log"]


def test_an_image_that_cannot_be_had_ends_the_job_at_32_and_says_why(
    tmp_path: Path, engine: Engine
) -> None:
    with serving(prepare(tmp_path, engine.host)) as server, calling(server.url) as client:
        job = start(client, COPY, image="127.0.0.1:1/none", checksum=ABSENT)
        end = ended(client, job)
        log = results(client, end)["algorithm.log"]
    assert (end["status"], end["finishReason"]) == (32, "algorithmProvisioning")
    assert "could not be pulled from its registry" in log
    assert "connection refused" not in log + end["finishMessage"]
