"""Ctrl-C in the middle of a run: what is known is written, and nothing stays at the target."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_conformance.profile import load
from compute_conformance.requirements import register
from tests.conformance.serving import Serving

PATIENCE = 120  # seconds


def jobs(live: Serving) -> list[dict[str, object]]:
    """Those on the dataset of all ordinary jobs."""
    did = load(live.profile).dataset("open")["documentId"]
    with urllib.request.urlopen(f"{live.url}/api/services/compute?documentId={did}") as answer:
        found: list[dict[str, object]] = json.load(answer)
    return found


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Whoever ran the tests in the background let them, and their children, ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_it_leaves_nothing_and_says_what_it_knows(live: Serving, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = ["run", "--profile", str(live.profile), "--report", str(report), "--jobs", "1"]
    with subprocess.Popen(
        [sys.executable, "-m", "compute_conformance", *command], stdout=subprocess.PIPE, text=True
    ) as process:
        end = time.monotonic() + PATIENCE
        while not jobs(live):
            assert time.monotonic() < end, "no job was started"
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE)
    found = json.loads(report.read_text())
    assert process.returncode == 2
    assert "interrupted" in said
    assert found["cut"] == "The run was interrupted."
    assert len(found["requirements"]) < len(register())
    assert found["leftovers"] == []
    assert jobs(live) == []
