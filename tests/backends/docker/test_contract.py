"""The Docker backend keeps the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from compute_ref.plugins import BackendFactory, Image
from compute_ref.testing.backend_contract import BackendContract
from compute_ref_docker import backends
from tests.backends.docker.conftest import GATEWAY
from tests.backends.docker.daemons import Engine

FETCH = (
    'sh -c \'at=${0#*//}; port=${at#*:}; printf "GET /${at#*/} HTTP/1.0\\r\\n\\r\\n"'
    " | nc -w 5 ${at%%:*} ${port%%/*} | grep -q 200'"  # a static busybox's wget looks up no names
)


class TestDocker(BackendContract):
    reachable_at = GATEWAY
    fetch = FETCH

    @pytest.fixture
    def options(self, engine: Engine, open_network: str) -> Mapping[str, Any]:
        return {"host": engine.host, "network": open_network}

    @pytest.fixture
    def make_backend(self, known_daemon: None) -> BackendFactory:
        return backends()["docker"]

    @pytest.fixture
    def image(self, engine: Engine) -> Image:
        with engine.client() as api:
            return Image("base", "1", str(api.inspect_image("base:1")["Id"]))
