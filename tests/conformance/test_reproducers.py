"""What a failure is handed on as: it fails again where it failed, and passes on the reference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from compute_conformance import Selection, run
from compute_conformance.cli.reading import REPRODUCED
from compute_conformance.evidence import document
from compute_conformance.requirements import register
from tests.conformance.defects.defect import DEFECTS
from tests.conformance.reference import profile, reference
from tests.conformance.serving import command, served

FAILURES = {
    "start-unsigned": "CE-SIGN-START-MISSING",
    "nonce-not-compared": "CE-START-NONCE-REPLAY",
    "stop-signed-for-any-job": "CE-SIGN-STOP-OTHER-JOB",
}


each_failure = pytest.mark.parametrize(("defect", "requirement"), FAILURES.items())


@contextmanager
def wrong(defect: str) -> Iterator[str]:
    """A live server with a defect."""
    for module in ("nonces", "signatures"):
        import_module(f"tests.conformance.defects.{module}")
    with DEFECTS[defect].server() as broken, served(broken) as url:
        yield url


@contextmanager
def right() -> Iterator[str]:
    with reference() as app, served(app) as url:
        yield url


def reported(url: str, requirement: str, folder: Path) -> Path:
    """The report of a requirement that a server does not keep."""
    found = document(run(url, profile(), Selection(ids=[requirement].__contains__)))
    assert found["exit"] == 1
    report = folder / "report.json"
    report.write_text(json.dumps(found))
    return report


def by_pytest(file: Path, target: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file.name],
        cwd=file.parent,
        env={**os.environ, "TARGET": target},
        capture_output=True,
        text=True,
    )


def status_by_curl(script: Path, target: str) -> int:
    """What the last of the requests is answered."""
    found = subprocess.run(
        ["sh", str(script)],
        env={
            **os.environ,
            "URL": target,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
    )
    assert found.stderr == ""
    return int(found.stdout.split()[-1])


@each_failure
def test_a_file_of_pytest_fails_there_and_passes_elsewhere(
    defect: str, requirement: str, tmp_path: Path
) -> None:
    file = tmp_path / "test_ce.py"
    with wrong(defect) as url:
        report = reported(url, requirement, tmp_path)
        file.write_text(command("reproduce", report, requirement).stdout)
        failed = by_pytest(file, url)
    assert (failed.returncode, "1 failed" in failed.stdout) == (1, True), failed.stdout
    with right() as url:
        passed = by_pytest(file, url)
    assert (passed.returncode, "1 passed" in passed.stdout) == (0, True), passed.stdout


@each_failure
def test_a_script_of_curl_is_answered_wrongly_there_and_rightly_elsewhere(
    defect: str, requirement: str, tmp_path: Path
) -> None:
    script = tmp_path / "ce.sh"
    with wrong(defect) as url:
        report = reported(url, requirement, tmp_path)
        script.write_text(command("reproduce", report, requirement, "--curl").stdout)
        assert status_by_curl(script, url) == 200
    with right() as url:
        assert status_by_curl(script, url) in {400, 404}


@pytest.mark.parametrize("requirement", ["CE-NO", "CE-ROOT"])
def test_what_the_report_does_not_have(requirement: str, tmp_path: Path) -> None:
    assert requirement not in register()
    report = tmp_path / "report.json"
    report.write_text(json.dumps(dict.fromkeys(REPRODUCED, ())))
    assert command("reproduce", report, requirement).returncode == 1
