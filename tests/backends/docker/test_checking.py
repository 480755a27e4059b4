"""Options, what check finds by running an empty container, and what enforced tells."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from compute_ref.plugins import Backend, BackendUnavailable, Limits, Site
from compute_ref_docker import backends
from compute_ref_docker.containers import Containers
from compute_ref_docker.daemon import Refused
from compute_ref_docker.manner import Manner
from compute_ref_docker.options import Options
from tests.backends.docker.conftest import UID
from tests.backends.docker.daemons import Engine

ALL = Limits(1, 2**30, 2**30, 2**20, 60, 256)
INFO: Mapping[str, Any] = {
    "NCPU": 2,
    "Plugins": {"Log": ["awslogs", "json-file", "local"]},
    "SecurityOptions": ["name=seccomp,profile=default"],
    "LiveRestoreEnabled": True,
    "MemoryLimit": True,
    "SwapLimit": True,
    "CpuCfsQuota": True,
    "PidsLimit": True,
}
VERSION: Mapping[str, Any] = {"Version": "28.0", "Components": [{"Name": "Engine"}]}


@contextmanager
def backend(folder: Path, **options: Any) -> Iterator[Backend]:
    made = backends()["docker"](Site(options, folder, folder, loopback=True))
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"hosts": ""}, "hosts: no such key; there are host, pull, registries"),
        ({"host": 1}, "host: must be an address"),
        ({"pull": "sometimes"}, "pull: must be one of missing, always, never"),
        ({"registries": "docker.io"}, "registries: must be a list"),
        ({"registries": [""]}, "registries: must be a list"),
        ({"user": 0}, "user: must be a user's number from 1 on"),
        ({"user": True}, "user: must be"),
        ({"user": "nobody"}, "user: must be"),
        ({"network": "host"}, "network: must be the name .* but not host"),
        ({"network": "none"}, "network: must be"),
        ({"network": "container:other"}, "network: must be"),
        ({"runtime": None}, "runtime: must be"),
        ({"tmp_size": 1}, "tmp_size: must be a number of bytes from 65536"),
        ({"tmp_size": "64m"}, "tmp_size: must be"),
    ],
)
def test_a_wrong_option_is_named_with_its_mend(
    tmp_path: Path, table: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said), backend(tmp_path, **table):
        pass


def test_options_have_defaults() -> None:
    assert Options.read({}) == Options("", "missing", (), 65_000, "bridge", "", 2**26)


def test_only_a_server_that_is_root_can_choose_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Options.read({"user": 1234}).user == 1234
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ValueError, match="user: only a server that is root"):
        Options.read({"user": 1234})


def test_the_plugin_is_imported_without_the_sdk_and_tells_how_to_install_it(
    tmp_path: Path,
) -> None:
    code = (
        "import sys; sys.modules['docker'] = None\n"
        "from pathlib import Path\n"
        "from compute_ref.app import create_app\n"
        "from compute_ref.settings import Environment, Server, Settings\n"
        "settings = Settings((Environment('e', sys.argv[2]),),"
        " server=Server(data_dir=Path(sys.argv[1])))\n"
        "create_app(settings).close()\n"
    )
    ends = [
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name), name],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in ("local", "docker")
    ]
    assert ends[0].returncode == 0, ends[0].stderr
    assert 'BackendUnavailable: the Docker SDK is not installed: pip install "compute-ref[' in (
        ends[1].stderr
    )


def test_it_says_which_daemon_it_found_and_what_to_mend_and_leaves_nothing(
    tmp_path: Path, engine: Engine, open_network: str, caplog: pytest.LogCaptureFixture
) -> None:
    told = {"host": engine.host, "network": open_network}
    with engine.client() as api, backend(tmp_path, **told) as made:
        before = {image["Id"] for image in api.images(all=True)}
        with caplog.at_level(logging.WARNING):
            said = made.check()
        assert {image["Id"] for image in api.images(all=True)} == before
        assert api.containers(all=True) == []
    mend = 'restarting the daemon ends algorithms: set "live-restore" in its daemon.json'
    assert re.fullmatch(rf"Docker Engine [^;]+; {mend}", said)
    assert "live-restore" in caplog.text
    assert sorted(path.name for path in (tmp_path / "docker").iterdir()) == ["data", "id"]


def test_a_network_that_is_missing_is_found(tmp_path: Path, engine: Engine) -> None:
    with backend(tmp_path, host=engine.host, network="elsewhere") as made:
        assert "there is no network elsewhere" in made.check()


def test_where_no_container_can_be_run_the_start_is_refused(tmp_path: Path, engine: Engine) -> None:
    with (
        backend(tmp_path, host=engine.host, runtime="nonsense") as made,
        pytest.raises(BackendUnavailable, match="no container could be run: .*nonsense"),
    ):
        made.check()


def test_a_wrong_host_data_dir_is_found(tmp_path: Path, engine: Engine) -> None:
    site = Site({"host": engine.host}, tmp_path, Path("/nowhere/at/all"), loopback=True)
    made = backends()["docker"](site)
    with pytest.raises(BackendUnavailable, match=r"/nowhere/at/all.* see server\.host_data_dir"):
        made.check()
    made.close()


def test_a_missing_init_process_is_found_by_running_and_done_without(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fake: this engine has one, so that starting with it is made to fail as without it."""
    start, tried = Containers.start, []

    def broken(self: Containers, container_id: str) -> None:
        with engine.client() as api:
            tried.append(api.inspect_container(container_id)["HostConfig"]["Init"])
        if tried[-1]:
            raise Refused("the Docker daemon refused: docker-init is missing")
        start(self, container_id)

    monkeypatch.setattr(Containers, "start", broken)
    with backend(tmp_path, host=engine.host) as made:
        assert "no init process in containers" in made.check()
    assert tried == [True, False]


def test_a_daemon_that_is_not_there_is_told_with_its_mend(tmp_path: Path) -> None:
    for host in ("unix:///nowhere/docker.sock", "tcp://127.0.0.1:1", "nonsense://x"):
        with (
            backend(tmp_path, host=host) as made,
            pytest.raises(BackendUnavailable, match=f"does not answer at {host}: start it"),
        ):
            made.check()


def test_the_host_may_come_from_the_environment(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    with backend(tmp_path) as made:
        assert made.check().startswith("Docker Engine")


def test_enforced_tells_each_limit_and_isolation(tmp_path: Path, engine: Engine) -> None:
    with backend(tmp_path, host=engine.host) as made:
        held, free = made.enforced(ALL), made.enforced(Limits())
    assert (
        set(held)
        == set(free)
        == {*("cpu", "memory", "disk", "processes", "time", "network", "filesystem", "user")}
    )
    assert "no" not in held.values()
    assert "not seen" in held["disk"]
    assert str(UID) in held["user"]
    assert {free[key] for key in ("cpu", "memory", "disk", "processes", "time")} == {"no"}


def test_what_the_kernel_lacks_is_told_and_not_promised() -> None:
    missing = {"SwapLimit": False, "PidsLimit": False, "SecurityOptions": []}
    manner = Manner.of({**INFO, **missing}, VERSION)
    assert list(manner.findings()) == [
        "system calls are not filtered: enable the daemon's seccomp profile",
        "the kernel does not limit processes: enable that control group",
        "the kernel does not limit swap: enable that control group",
    ]
    held = manner.enforced(ALL, UID)
    assert held["processes"] == "no"
    assert held["memory"] == "by the kernel, swap not included"
    assert manner.log_driver == "local"


def test_a_daemon_with_nothing_to_mend_is_told_in_a_few_words() -> None:
    assert Manner.of(INFO, VERSION).described() == "Docker Engine 28.0"
    podman = {"Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
    told = {**INFO, "LiveRestoreEnabled": False, "Plugins": {"Log": ["k8s-file", "journald"]}}
    assert Manner.of(told, podman).described() == "Podman 4.3.1"
    assert Manner.of(told, podman).log_driver == "k8s-file"


@pytest.mark.parametrize("option", ["name=rootless", "name=userns"])
def test_daemons_that_map_users_are_refused(option: str) -> None:
    with pytest.raises(BackendUnavailable, match="maps users"):
        Manner.of({**INFO, "SecurityOptions": [option]}, VERSION)


def test_a_daemon_whose_logs_cannot_be_read_is_refused() -> None:
    with pytest.raises(BackendUnavailable, match="no log driver"):
        Manner.of({**INFO, "Plugins": {"Log": ["syslog"]}}, VERSION)
