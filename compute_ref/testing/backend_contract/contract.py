"""What a backend's test class tells about the backend, and the fixtures that all tests use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from compute_ref.plugins import BackendFactory, Image, Limits, Site
from compute_ref.testing.backend_contract.bench import Bench

#: a limit of each kind, as an environment has them
ALL_LIMITS: Final = Limits(
    cpus=1, memory=2**30, disk=2**30, log=2**20, seconds=3_600, processes=256
)


class Contract:
    """The declarations of a backend's test class; only `make_backend` must be given.

    What is known only when a test runs (a daemon's address, the id of an image that was built) is
    a fixture, and may be made from other fixtures.
    """

    #: of time, memory, disk, processes, filesystem and network, what the backend does not hold
    unheld: Collection[str] = frozenset()
    #: where algorithms that are allowed the network reach this machine; None: they never get one
    reachable_at: str | None = "127.0.0.1"
    #: fetches, in an algorithm, the URL that is written after it
    fetch: str = "wget -q -T 5 -O -"
    #: an image that nobody has, where the backend looks for it without going far
    unknown_image: Image = Image("localhost/compute-ref/none", "none", f"sha256:{'0' * 64}")
    #: seconds of real time after which a test gives up
    patience: float = 60

    @pytest.fixture
    def make_backend(self) -> BackendFactory:
        """A new backend object for a site, as each start of the server makes one."""
        raise NotImplementedError(f"{type(self).__name__} must define the fixture make_backend")

    @pytest.fixture
    def image(self) -> Image | None:
        """With which algorithms run, a POSIX shell and busybox's commands in it.

        None is for a backend that runs processes.
        """
        return None

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """The configuration's table of the backend."""
        return {}

    @pytest.fixture
    def data_dir(self, tmp_path: Path) -> Path:
        """The server's data folder, which need not be there; run folders lie below ``jobs``.

        Its name is one that a shell would take apart.
        """
        return tmp_path / "a server's data"

    @pytest.fixture
    def host_data_dir(self, data_dir: Path) -> Path:
        """The same folder as the container host sees it."""
        return data_dir

    @pytest.fixture
    def bench(
        self,
        make_backend: BackendFactory,
        image: Image | None,
        options: Mapping[str, Any],
        data_dir: Path,
        host_data_dir: Path,
    ) -> Iterator[Bench]:
        """The backend in the hands of a server; in the end nothing of any run is left."""
        data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
        site = Site(options, data_dir, host_data_dir, loopback=True)
        bench = Bench(make_backend, site, image, self.patience)
        yield bench
        bench.settle()

    def holds(self, bench: Bench, key: str) -> bool:
        """Whether the backend holds `key`; what it says of itself must be what is declared."""
        told = bench.enforced(ALL_LIMITS)[key]
        held = key not in self.unheld
        assert (told != "no") is held, (
            f'enforced says "{told}" of {key}, but the test class declares it'
            f" {'held' if held else 'unheld'}"
        )
        return held
