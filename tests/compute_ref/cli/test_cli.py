"""The command itself: what a newcomer is shown."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from compute_ref.cli import COMMANDS, main

INSTALLED = Path(sys.executable).with_name("compute-ref")


@pytest.mark.parametrize("command", [[str(INSTALLED)], [sys.executable, "-m", "compute_ref"]])
def test_help_lists_every_command_in_the_order_of_use(command: list[str]) -> None:
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    listed = done.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert all(len(line.split()) > 2 for line in listed)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_of_its_own(command: str) -> None:
    done = CliRunner().invoke(main, [command, "-h"])
    assert done.exit_code == 0
    assert f"{command} [OPTIONS]" in done.stdout


def test_a_command_that_there_is_not_is_refused() -> None:
    done = CliRunner().invoke(main, ["serv"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert "No such command 'serv'" in done.stderr
