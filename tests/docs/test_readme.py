"""The README's commands are what they say."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from compute_ref.demo import ALGORITHM, DATASET
from tests.backends.docker.conftest import NEEDED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in README.splitlines() if line.startswith("    ")]
LINKS = re.findall(r"\]\((?!https?://)([^)#]+)", README)


def test_the_first_two_commands_run_the_demo_and_the_tests() -> None:
    demo, tests = COMMANDS[:2]
    assert demo.endswith(".venv/bin/compute-ref demo")
    assert tests.endswith(".venv/bin/tox")


def test_ci_runs_the_readmes_test_command() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert script[-1] == COMMANDS[1]


@pytest.mark.parametrize("link", LINKS)
def test_every_page_it_names_is_there(link: str) -> None:
    assert (ROOT / link).is_file()


def test_a_server_of_ones_own_runs_the_job_that_is_shown(tmp_path: Path) -> None:
    init, serve, account, job = (
        shlex.split(line)[1:] for line in COMMANDS if line.startswith(".venv/bin/compute-ref")
    )
    assert (DATASET in job, ALGORITHM in job) == (True, True)
    command = [sys.executable, "-m", "compute_ref"]
    subprocess.run([*command, *init], cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([*command, *account], cwd=tmp_path, check=True, capture_output=True)
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [*command, *serve, "--port", "0"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        try:
            done = subprocess.run(
                [*command, *job, "--url", url], cwd=tmp_path, capture_output=True, text=True
            )
        finally:
            server.terminate()
    assert done.returncode == 0, done.stderr
    assert "completed" in done.stdout


def test_every_environment_of_the_tests_is_told_with_what_it_needs() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    told = re.findall(r"^\| `tox -e ([\w-]+)`", CONTRIBUTING, re.MULTILINE)
    first = tox["tox"]["env_list"].split(", ")
    others = [name.removeprefix("testenv:") for name in tox.sections()[2:]]
    assert sorted(told) == sorted({*first, *others})


@pytest.mark.parametrize("package", ["bubblewrap", "chromium", *NEEDED.values()])
def test_ci_installs_what_contributors_are_told_to_install(package: str) -> None:
    words = re.findall(r"[\w.-]+", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert package in words
    assert package in CONTRIBUTING
