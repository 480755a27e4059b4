"""The example backend keeps the contract of all backends, and mistakes no process for its own."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, ExitReason, Run, Site
from compute_ref.testing.backend_contract import BackendContract, Server
from compute_ref.testing.backend_contract.limiting import TRIED
from compute_ref_nohup import NohupBackend, _birth

LOST = Exit(None, ExitReason.LOST)


def record(server: Server, run: Run) -> Path:
    return server.data_dir / "nohup" / server.name(run)


class TestNohup(BackendContract):
    not_held = TRIED

    def connecting(self, host: str, port: int) -> str:
        code = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
        return f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"

    @pytest.fixture
    def new_backend(self, data_dir: Path) -> Callable[[], NohupBackend]:
        return lambda: NohupBackend(Site({}, data_dir, data_dir, loopback=True))

    def test_a_chatty_log_is_cut_and_the_run_goes_on(self, server: Server) -> None:
        """It is not cut here, and need not be: the engine publishes no more than is allowed."""
        run = server.script("yes said | head -c 100000", log=10_000)
        assert server.finish(run) == Exit(0)
        assert len(server.log(run)) == 100_000

    @pytest.mark.parametrize("changed", ["start", "boot"])
    def test_a_process_id_that_is_used_again_is_not_mistaken(
        self, server: Server, changed: str
    ) -> None:
        run = server.run("true")
        command = ["sleep", str(server.patience)]
        with subprocess.Popen(command, start_new_session=True) as stranger:
            start, boot = _birth(stranger.pid)
            start, boot = (f"1{start}", boot) if changed == "start" else (start, f"{boot}0")
            record(server, run).symlink_to(f"{stranger.pid} {start} {boot}")
            assert server.end(server.backend.find(server.name(run))) == LOST
            server.backend.stop(server.name(run), 0)
            assert stranger.poll() is None
            stranger.kill()

    def test_a_keeper_that_is_not_first_on_record_begins_nothing(self, server: Server) -> None:
        run = server.run('touch "$OUTPUTS/begun"')
        record(server, run).symlink_to("1 1 another-boot")
        assert server.finish(run) == LOST
        assert not (run.folders.outputs / "begun").exists()

    def test_what_was_removed_is_not_found(self, server: Server) -> None:
        run = server.run("true")
        assert server.finish(run) == Exit(0)
        assert server.listed() == {server.name(run)}
        for _ in range(2):
            server.backend.remove(server.name(run))
            assert server.backend.find(server.name(run)) is None
        assert server.listed() == set()
