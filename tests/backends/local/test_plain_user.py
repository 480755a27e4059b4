"""A server that is not root: its runs are sandboxed by user namespaces, or merely watched."""

from __future__ import annotations

import inspect
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from compute_ref import plugins
from compute_ref_local import backend

HERE = Path(__file__).parent
UID = 300_000 + os.getpid()  # nobody's, not even of these tests run twice at once
SOURCES = [Path(inspect.getfile(module)).parents[1] for module in (plugins, backend)]


class Server:
    """Runs one job on a server of another user; a call returns what that printed.

    `within` is the beginning of the command that starts it.
    """

    def __init__(self, folder: Path, within: Sequence[str] = ()) -> None:
        self.within = within
        self.folder, self.data_dir = folder, folder / "data"
        self.job_id = f"job{secrets.token_hex(8)}z"
        self.run = self.data_dir / "jobs" / self.job_id / "1"

    def __call__(self, entrypoint: str, sandbox: str) -> list[str]:
        needed = [sys.prefix, sys.base_prefix, *SOURCES, HERE, self.folder]
        launcher = [sys.executable, str(HERE / "launcher.py")]
        command = [*launcher, str(self.data_dir), self.job_id, entrypoint, sandbox]
        if os.geteuid() == 0:
            self.data_dir.mkdir()
            os.chown(self.data_dir, UID, UID)
            become = [sys.executable, str(HERE / "as_user.py"), str(UID)]
            command = [*self.within, *become, *map(str, needed), "--", *command]
        done = subprocess.run(
            command,
            input="go on\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()


@pytest.fixture
def server(open_folder: Path) -> Server:
    return Server(open_folder)


def test_its_algorithms_are_sandboxed(server: Server) -> None:
    said = server(
        "cat $INPUTS/data; id -u; ls /home; echo x > /data/inputs/x; echo x > $OUTPUTS/x", "require"
    )
    assert said[0].startswith("sandboxed by bubblewrap")
    assert "code=0" in said[2], said
    log = (server.run / "logs" / "algorithm.log").read_text()
    assert log.startswith(f"an input{UID if os.geteuid() == 0 else os.geteuid()}\n")
    assert "cannot access '/home'" in log
    assert (server.run / "outputs" / "x").read_text() == "x\n"


@pytest.mark.parametrize("sandbox", ["require", "none"])
def test_what_takes_too_much_is_ended(server: Server, sandbox: str) -> None:
    disk = "while :; do head -c 100000 /dev/zero >> $OUTPUTS/x; done"
    assert "STORAGE" in server(disk, sandbox)[2]


@pytest.mark.parametrize("sandbox", ["require", "none"])
def test_a_fork_bomb_is_ended(server: Server, sandbox: str) -> None:
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    said = server(f"python3 -c '{bomb}'", sandbox)
    assert "code=137" in said[2]
    assert "processes" in (server.run / "logs" / "algorithm.log").read_text()


@pytest.mark.parametrize("sandbox", ["require", "none"])
def test_calls_that_hold_memory_out_of_sight_are_refused(server: Server, sandbox: str) -> None:
    said = server("python3 -c 'import os; os.memfd_create(str())'", sandbox)
    assert "code=1" in said[2]
    log = (server.run / "logs" / "algorithm.log").read_text()
    assert "Function not implemented" in log


@pytest.mark.parametrize("sandbox", ["require", "none"])
def test_no_child_is_left(server: Server, sandbox: str) -> None:
    said = server("setsid sh -c 'sleep 600' & echo $! > $OUTPUTS/pid; exit 4", sandbox)
    assert "code=4" in said[2]
    marked = [
        path
        for path in Path("/proc").glob("[0-9]*/environ")
        if f"secret={server.job_id}".encode() in _read(path).split(b"\0")
    ]
    assert marked == []


def test_without_a_sandbox_it_has_the_real_folders(server: Server) -> None:
    said = server("env > $OUTPUTS/env; pwd", "none")
    assert said[0].startswith("no sandbox; as the server's own user; memory watched")
    assert f"VOLUME={server.run}" in (server.run / "outputs" / "env").read_text().splitlines()
    assert (server.run / "logs" / "algorithm.log").read_text() == f"{server.run}\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
