"""The Docker backend keeps the contract of all backends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.plugins import Backend, Image, Site
from compute_ref.testing.backend_contract import BackendContract
from compute_ref_docker import backends
from tests.backends.docker.conftest import GATEWAY
from tests.backends.docker.daemons import Engine


class TestDocker(BackendContract):
    host = GATEWAY

    @pytest.fixture
    def new_backend(
        self, engine: Engine, open_network: str, data_dir: Path, known_daemon: None
    ) -> Callable[[], Backend]:
        site = Site(
            {"host": engine.host, "network": open_network}, data_dir, data_dir, loopback=True
        )
        return lambda: backends()["docker"](site)

    @pytest.fixture
    def image(self, engine: Engine) -> Image:
        with engine.client() as api:
            return Image("base", "1", str(api.inspect_image("base:1")["Id"]))
