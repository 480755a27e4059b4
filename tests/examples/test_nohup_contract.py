"""The example backend keeps as much of the contract of all backends as it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.plugins import Site
from compute_ref.testing.backend_contract import BackendContract
from compute_ref_nohup import HELD, NohupBackend


class TestNohup(BackendContract):
    not_held = frozenset(HELD)

    @pytest.fixture
    def new_backend(self, data_dir: Path) -> Callable[[], NohupBackend]:
        return lambda: NohupBackend(Site({}, data_dir, data_dir, loopback=True))
