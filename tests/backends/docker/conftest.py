"""Real daemons with images of busybox, and data folders with runs for them."""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import pytest

from compute_ref.plugins import Backend, Exit, Folders, Handle, Image, Limits, Run, Site
from compute_ref_docker import backends
from compute_ref_docker.probing import Trial
from tests.backends.docker.daemons import (
    PATIENCE,
    Dockerd,
    Engine,
    Registry,
    of_process,
    running,
    short_folder,
    until,
)
from tests.backends.docker.rootfs import LOUD, base, build, load, tar_of

#: programs that the tests start, and the packages of Debian that have them
NEEDED = {
    "dockerd": "docker.io",
    "docker-registry": "docker-registry",
    "podman": "podman",
    "catatonit": "catatonit",
    "busybox": "busybox-static",
}
NAMES = ("inputs", "ddos", "transformations", "outputs", "logs", "control")
PRIVATE = ["--iptables=false", "--bridge=none"]
UNPINNED = Image("base", "1", "")
UID = 65_000  # that algorithms run as
NUMBER = os.getpid() % 250  # so that tests may run twice at once
GATEWAY = f"10.213.{NUMBER}.1"


class Place:
    """A data folder, a backend on it and the runs that were made."""

    def __init__(self, data_dir: Path, engine: Engine, **options: Any) -> None:
        self.data_dir = data_dir
        self.host_data_dir = data_dir
        self.engine = engine
        self.options = {"host": engine.host, **options}
        self._made: list[Backend] = []
        self._numbers = itertools.count()
        self.backend = self.another_backend()

    def another_backend(self, **options: Any) -> Backend:
        """As the next server on the same folder has it."""
        told = {**self.options, **options}
        site = Site(told, self.data_dir, self.host_data_dir, loopback=True)
        self._made.append(backends()["docker"](site))
        return self._made[-1]

    def run(
        self,
        entrypoint: str,
        *,
        code: str = "",
        image: Image = UNPINNED,
        network: bool = False,
        **limits: Any,
    ) -> Run:
        """A run ready to launch; `code` is the algorithm's text."""
        job_id = f"job{next(self._numbers)}z"
        root = self.data_dir / "jobs" / job_id / "1"
        folders = Folders(root, *(root / name for name in NAMES))
        for name in NAMES:
            (root / name).mkdir(parents=True)
            (root / name).chmod(0o700 if name == "control" else 0o750)
        (folders.inputs / "data").write_text(f"the input of {job_id}")
        (folders.transformations / "algorithm").write_text(code)
        (folders.transformations / "algorithm").chmod(0o755)
        variables = {"secret": secrets.token_hex(16)}
        limits.setdefault("seconds", PATIENCE)
        return Run(job_id, 1, entrypoint, image, variables, folders, Limits(**limits), network)

    def name(self, run: Run) -> str:
        return self.backend.name(run.job_id, run.number)

    def wait(self, handle: Handle) -> Exit:
        end = self.backend.wait(handle, PATIENCE)
        assert end is not None, "the run did not end"
        return end

    def finish(self, run: Run) -> Exit:
        """Launch and wait to the end: nothing is alive then."""
        end = self.wait(self.backend.launch(run))
        assert self.alive(run) == []
        return end

    def begin(self, run: Run, word: str = "ready") -> Handle:
        """Launch, and wait until it wrote a word."""
        handle = self.backend.launch(run)
        until(lambda: word in self.log(run), word)
        return handle

    def log(self, run: Run) -> str:
        path = run.folders.logs / "algorithm.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def output(self, run: Run, name: str) -> str:
        return (run.folders.outputs / name).read_text()

    def alive(self, run: Run) -> list[int]:
        """Every process, not yet ended, that carries the run's own secret."""
        mark = f"secret={run.variables['secret']}".encode()
        return [pid for pid in running() if mark in of_process(pid, "environ")]

    def container(self, run: Run) -> Any:
        """What the daemon tells of the run's container, or None."""
        label = {"label": f"compute-ref.run={self.name(run)}"}
        with self.engine.client() as api:
            found = api.containers(all=True, filters=label)
            return api.inspect_container(found[0]["Id"]) if found else None

    def close(self) -> None:
        """End all that runs, let go of every backend."""
        for name in self.backend.list():
            self.backend.remove(name)
        assert list(self.backend.list()) == []
        for backend in self._made:
            backend.close()


@contextmanager
def running_engine(engine: Engine) -> Iterator[Engine]:
    """The engine, started, with the images of the tests; ended with all it runs."""
    try:
        engine.start()
        with engine.client() as api:
            load(api, base(), "base")
        yield engine
        engine.clear()
    finally:
        engine.end()
        engine.end_shims()


@pytest.fixture(scope="session", autouse=True)
def able() -> None:
    """A machine on which nothing can be tested says what it needs."""
    if os.geteuid() != 0:
        pytest.fail("these tests start daemons: run them as root", pytrace=False)
    packages = {package for program, package in NEEDED.items() if shutil.which(program) is None}
    if packages:
        pytest.fail(f"these tests need: apt install {' '.join(sorted(packages))}", pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def no_proxies(able: None) -> Iterator[None]:
    """No credentials and settings of this machine's user are read."""
    with pytest.MonkeyPatch.context() as patch, short_folder("docker-config-") as folder:
        patch.setenv("DOCKER_CONFIG", str(folder))
        patch.delenv("DOCKER_HOST", raising=False)
        yield


@pytest.fixture(scope="session")
def engine(no_proxies: None) -> Iterator[Engine]:
    """One Docker Engine for all tests that do not end it."""
    with (
        short_folder("dockerd-") as folder,
        running_engine(Dockerd(folder, *PRIVATE)) as engine,
        engine.client() as api,
    ):
        build(api, LOUD, "loud:1")
        load(api, tar_of(readme=b"no programs here"), "bare")
        yield engine


@pytest.fixture(scope="session")
def open_network(engine: Engine) -> Iterator[str]:
    """The name of a network in which this machine is reached at GATEWAY."""
    with network(engine, GATEWAY, f"cr-test{os.getpid()}") as name:
        yield name


@contextmanager
def network(engine: Engine, gateway: str, bridge: str) -> Iterator[str]:
    """The name of a network of an engine, in which this machine is reached at `gateway`."""
    pool = docker.types.IPAMPool(subnet=f"{gateway[:-1]}0/24", gateway=gateway)
    with engine.client() as api:
        api.create_network(
            "open",
            ipam=docker.types.IPAMConfig(pool_configs=[pool]),
            options={"com.docker.network.bridge.name": bridge},
        )
        yield "open"
        api.remove_network("open")


@pytest.fixture
def own_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A Docker Engine that the test may end; its parameters are further options."""
    with short_folder("dockerd-") as folder:
        options = [*PRIVATE, *getattr(request, "param", ())]
        with running_engine(Dockerd(folder, *options)) as engine:
            yield engine


@pytest.fixture
def known_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backends know without a trial how containers are run; test_checking shows trials."""
    monkeypatch.setattr(Trial, "best", lambda _, recipe: recipe)


@pytest.fixture
def make_place(tmp_path: Path, known_daemon: None) -> Iterator[Callable[..., Place]]:
    """Places, closed at the end."""
    made: list[Place] = []

    def make(engine: Engine, **options: Any) -> Place:
        made.append(Place(tmp_path / f"data{len(made)}", engine, **options))
        return made[-1]

    yield make
    for place in made:
        place.close()


@pytest.fixture
def place(engine: Engine, make_place: Callable[..., Place]) -> Place:
    """A data folder that no other user may enter, on the shared engine."""
    return make_place(engine)


@pytest.fixture(scope="session")
def registry(no_proxies: None) -> Iterator[Registry]:
    """A registry that is open to everybody."""
    yield from _registry(private=False)


@pytest.fixture(scope="session")
def private_registry(no_proxies: None) -> Iterator[Registry]:
    """A registry that asks who is there."""
    yield from _registry(private=True)


def _registry(*, private: bool) -> Iterator[Registry]:
    with short_folder("registry-") as folder:
        registry = Registry(folder, private=private)
        try:
            yield registry
        finally:
            registry.end()
