"""What a subclass of the contract provides, and where it may declare to differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from compute_ref.plugins import Backend, Image, Limits
from compute_ref.testing.backend_contract.server import Server


class Abilities:
    """The fixtures and attributes of a subclass; only `new_backend` has no usual value."""

    #: of :data:`compute_ref.testing.backend_contract.limiting.TRIED`, what does not hold here
    not_held: ClassVar[Collection[str]] = ()
    #: false where a run has no network even if its datasets allow one
    gives_network: ClassVar[bool] = True
    #: where a run with network reaches this machine; the tests listen there
    host: ClassVar[str] = "127.0.0.1"
    #: seconds of real time after which a test gives up waiting
    patience: ClassVar[float] = 60
    #: seconds that a stop may take beyond its grace
    slack: ClassVar[float] = 20
    #: the time limit, in seconds, of the runs that are to reach it; longer than a start takes
    time_limit: ClassVar[float] = 3

    @pytest.fixture
    def new_backend(self) -> Callable[[], Backend]:
        """A function that makes a new backend object for the same site. Yours to write."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture new_backend")

    @pytest.fixture
    def image(self) -> Image | None:
        """The image of all runs; None for a backend that runs none."""
        return None

    @pytest.fixture
    def data_dir(self, tmp_path: Path) -> Path:
        """A data folder of this test alone; keep a name that a shell would take apart."""
        return tmp_path / "it's data"

    def connecting(self, host: str, port: int) -> str:
        """A shell command that exits 0 if it could connect, and neither 0 nor 127 if not."""
        return f"nc -w 5 {host} {port} < /dev/null"

    @pytest.fixture
    def server(
        self, data_dir: Path, new_backend: Callable[[], Backend], image: Image | None
    ) -> Iterator[Server]:
        """What the tests use of all this."""
        server = Server(data_dir, new_backend, image, self.patience)
        yield server
        server.close()

    def holds(self, server: Server, key: str, limits: Limits) -> bool:
        """Whether the backend is to hold this; what it tells consumers must say the same."""
        told = server.backend.enforced(limits)
        assert key in told, f"enforced does not say how {key} holds"
        held = key not in self.not_held
        assert (told[key] != "no") == held, f"enforced says {told[key]!r} of {key}"
        return held
