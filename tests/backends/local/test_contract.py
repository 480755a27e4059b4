"""The local backend keeps the contract, with and without a sandbox."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from compute_ref.plugins import BackendFactory
from compute_ref.testing.backend_contract import BackendContract
from compute_ref_local import LocalBackend

FETCH = "python3 -c 'import sys, urllib.request as web; web.urlopen(sys.argv[1], timeout=5)'"


class TestSandboxed(BackendContract):
    fetch = FETCH

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        return {"sandbox": "require"}

    @pytest.fixture
    def make_backend(self) -> BackendFactory:
        return LocalBackend


class TestBare(BackendContract):
    unheld = frozenset({"network"} if os.geteuid() == 0 else {"network", "filesystem"})
    fetch = FETCH

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        return {"sandbox": "none"}

    @pytest.fixture
    def make_backend(self) -> BackendFactory:
        return LocalBackend

    @pytest.fixture
    def data_dir(self, open_folder: Path) -> Path:
        """Algorithms run as users of their own, who must be able to walk there."""
        return open_folder / "a server's data"
