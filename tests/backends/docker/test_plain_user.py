"""A server that is not root: containers run as its own user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import compute_ref
import compute_ref_docker
from tests.backends.docker.daemons import Engine, short_folder

UID = 300_000 + os.getpid()  # nobody's, not even of these tests run twice at once
AS_USER = Path(__file__).parents[1] / "local" / "as_user.py"
LAUNCHER = Path(__file__).with_name("launcher.py")
SCRIPT = "id -u; id -g; cat $INPUTS/data; echo x > $OUTPUTS/x; echo x 2> /dev/null > $INPUTS/x; :"


def test_its_algorithms_run_as_its_own_user(engine: Engine) -> None:
    engine.socket.chmod(0o666)
    with short_folder("plain-") as folder:
        data_dir = folder / "data"
        data_dir.mkdir()
        os.chown(data_dir, UID, UID)
        sources = [Path(module.__path__[0]).parent for module in (compute_ref, compute_ref_docker)]
        needed = map(str, [sys.prefix, sys.base_prefix, *sources, LAUNCHER.parent])
        done = subprocess.run(
            [
                *(sys.executable, str(AS_USER), str(UID), *needed, "--"),
                *(sys.executable, str(LAUNCHER), str(data_dir), "job1z", engine.host, SCRIPT, "60"),
            ],
            input="go on\n",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert done.returncode == 0, done.stderr
        assert "code=0" in done.stdout.splitlines()[2], done.stdout
        run = data_dir / "jobs" / "job1z" / "1"
        log = (run / "logs" / "algorithm.log").read_text()
        assert log == f"{UID}\n{UID}\nan input"
        assert (run / "outputs" / "x").stat().st_uid == UID
        assert not (run / "inputs" / "x").exists()
    engine.clear()
