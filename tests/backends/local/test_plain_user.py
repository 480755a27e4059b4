"""A server that is not root: its runs are sandboxed by user namespaces, or merely watched."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from compute_ref import plugins
from compute_ref_local import backend

HERE = Path(__file__).parent
UID = 300_000 + os.getpid()  # nobody's, not even of these tests run twice at once
SOURCES = [Path(module.__file__).parents[1] for module in (plugins, backend)]


@pytest.fixture
def server(open_folder):
    """Run one job on a server of another user; returns what it printed."""
    data_dir, job_id = open_folder / "data", f"job{secrets.token_hex(8)}z"

    def serve(entrypoint, sandbox):
        needed = [sys.prefix, sys.base_prefix, *SOURCES, HERE, open_folder]
        launcher = [sys.executable, str(HERE / "launcher.py")]
        command = [*launcher, str(data_dir), job_id, entrypoint, sandbox]
        if os.geteuid() == 0:
            data_dir.mkdir()
            os.chown(data_dir, UID, UID)
            become = [sys.executable, str(HERE / "as_user.py"), str(UID)]
            command = [*become, *map(str, needed), "--", *command]
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

    serve.job_id = job_id
    serve.run = data_dir / "jobs" / job_id / "1"
    return serve


def test_its_algorithms_are_sandboxed(server):
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
def test_what_takes_too_much_is_ended(server, sandbox):
    disk = "while :; do head -c 100000 /dev/zero >> $OUTPUTS/x; done"
    assert "STORAGE" in server(disk, sandbox)[2]


@pytest.mark.parametrize("sandbox", ["require", "none"])
def test_a_fork_bomb_is_ended(server, sandbox):
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    said = server(f"python3 -c '{bomb}'", sandbox)
    assert "code=137" in said[2]
    assert "processes" in (server.run / "logs" / "algorithm.log").read_text()


@pytest.mark.parametrize("sandbox", ["require", "none"])
def test_no_child_is_left(server, sandbox):
    said = server("setsid sh -c 'sleep 600' & echo $! > $OUTPUTS/pid; exit 4", sandbox)
    assert "code=4" in said[2]
    marked = [
        path
        for path in Path("/proc").glob("[0-9]*/environ")
        if f"secret={server.job_id}".encode() in _read(path).split(b"\0")
    ]
    assert marked == []


def test_without_a_sandbox_it_has_the_real_folders(server):
    said = server("env > $OUTPUTS/env; pwd", "none")
    assert said[0] == "no sandbox; as the server's own user"
    assert f"VOLUME={server.run}" in (server.run / "outputs" / "env").read_text().splitlines()
    assert (server.run / "logs" / "algorithm.log").read_text() == f"{server.run}\n"


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""
