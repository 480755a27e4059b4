"""The promises of every backend, tried out on this one."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, Site
from compute_ref.testing.backend_contract import BackendContract, Server
from compute_ref_nohup import NohupBackend


class TestNohup(BackendContract):
    #: what `enforced` says "no" of
    not_held = frozenset({"time", "memory", "disk", "processes", "filesystem", "network"})

    @pytest.fixture
    def new_backend(self, data_dir: Path) -> Callable[[], NohupBackend]:
        return lambda: NohupBackend(Site({}, data_dir, data_dir, loopback=True))

    def connecting(self, host: str, port: int) -> str:
        """By Python, as the usual nc is not everywhere."""
        code = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
        return shlex.join([sys.executable, "-c", code])

    def test_a_chatty_log_is_cut_and_the_run_goes_on(self, server: Server) -> None:
        """It is not cut here; the server publishes no more of it than is allowed."""
        run = server.script("yes said | head -c 100000", log=10_000)
        assert server.finish(run) == Exit(0)
        assert len(server.log(run)) == 100_000
