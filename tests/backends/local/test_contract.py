"""The local backend keeps the contract of all backends, with a sandbox and without."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.testing.backend_contract import BackendContract
from compute_ref_local import LocalBackend
from tests.backends.local.tried import tried

AS_ROOT = os.geteuid() == 0


class Local(BackendContract):
    def connecting(self, host: str, port: int) -> str:
        code = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
        return f"python3 -c {shlex.quote(code)}"


class TestSandboxed(Local):
    @pytest.fixture
    def new_backend(self, data_dir: Path) -> Callable[[], LocalBackend]:
        return lambda: tried(LocalBackend, data_dir, "require")


class TestBare(Local):
    """Processes of the server's own machine; from root each has a user of its own."""

    not_held = frozenset({"network"} if AS_ROOT else {"network", "filesystem"})

    @pytest.fixture
    def data_dir(self, open_folder: Path) -> Path:
        return open_folder / "it's data"

    @pytest.fixture
    def new_backend(self, data_dir: Path) -> Callable[[], LocalBackend]:
        return lambda: tried(LocalBackend, data_dir, "none")
