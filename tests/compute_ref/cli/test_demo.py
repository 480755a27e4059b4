from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from compute_ref.client import ComputeClient, ServerUnreachable

DEMO = [sys.executable, "-m", "compute_ref", "demo", "--dir"]


def test_the_demo_runs_a_real_algorithm_over_real_data(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, str(tmp_path / "demo")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for shown in ("Warming up", "Running algorithm", "Job completed", "5,076.0", "penguins.svg"):
        assert shown in done.stdout
    summary = json.loads((tmp_path / "demo" / "results" / "summary.json").read_text())
    assert summary["Gentoo"]["body_mass_g"]["mean"] == 5076.02


def test_the_demo_keeps_the_server_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [*DEMO, str(tmp_path / "demo"), "--keep"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        shown = []
        for line in process.stdout:
            shown.append(line)
            if line.startswith("Ctrl-C"):
                break
        url = shown[0].split()[-1]
        client = ComputeClient(url)
        assert client.environments()
        client.close()
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 0
    with pytest.raises(ServerUnreachable):
        client.environments()
    assert any("job get" in line for line in shown)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [*DEMO, str(tmp_path / "file")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the demo cannot run in")
    assert done.stderr.count("\n") == 1
