"""The example backend mistakes no process for its own, and starts none without being on record.

That it keeps the contract of all backends is tested beside it, as its author would.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_ref.plugins import Exit, ExitReason, Run, Site
from compute_ref.testing.backend_contract import Server
from compute_ref_nohup import NohupBackend, _birth, _start

LOST = Exit(None, ExitReason.LOST)
PATIENCE = 60


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    site = Site({}, tmp_path, tmp_path, loopback=True)
    server = Server(tmp_path, lambda: NohupBackend(site), None, PATIENCE)
    yield server
    server.close()


def record(server: Server, run: Run) -> Path:
    return server.data_dir / "nohup" / server.name(run)


@pytest.mark.parametrize("changed", ["start", "boot"])
def test_a_process_id_that_is_used_again_is_not_mistaken(server: Server, changed: str) -> None:
    run = server.run("true")
    with subprocess.Popen(["sleep", f"{PATIENCE}"], start_new_session=True) as stranger:
        start, boot = _birth(stranger.pid).split()
        start, boot = (f"1{start}", boot) if changed == "start" else (start, f"{boot}0")
        record(server, run).symlink_to(f"{stranger.pid} {start} {boot}")
        assert server.end(server.backend.find(server.name(run))) == LOST
        server.backend.stop(server.name(run), 0)
        assert stranger.poll() is None
        stranger.kill()


def test_a_keeper_whose_server_dies_before_it_is_told_to_go_begins_nothing(server: Server) -> None:
    run = server.run('touch "$OUTPUTS/begun"')
    keeper = _start(run, record(server, run))
    keeper.communicate()
    assert keeper.returncode != 0
    assert not (run.folders.outputs / "begun").exists()


def test_an_ended_run_is_there_until_it_is_removed(server: Server) -> None:
    run = server.run("true")
    assert server.finish(run) == Exit(0)
    assert server.listed() == {server.name(run)}
    server.backend.remove(server.name(run))
    assert server.backend.find(server.name(run)) is None
    assert list(record(server, run).parent.iterdir()) == []
