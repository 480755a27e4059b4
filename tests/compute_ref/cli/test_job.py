from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compute_ref.cli import main
from compute_ref.identity.keys import Account, write_key
from compute_ref.testing.kit import DATASET


class Terminal:
    """A person with a key at a terminal."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.key = folder / "key"
        write_key(self.key, Account.create())

    def job(self, command: str, *arguments: str) -> Result:
        given = [command, *arguments, "--url", self.url, "--key-file", str(self.key)]
        return CliRunner().invoke(main, ["job", *given])

    def start(self, code: str, *arguments: str) -> Result:
        (self.folder / "code").write_text(code)
        return self.job("start", DATASET, "--code", str(self.folder / "code"), *arguments)

    def started(self, code: str) -> str:
        return str(said(self.start(code, "--json"))["jobId"])


def said(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def terminal(compute_server: str, tmp_path: Path) -> Terminal:
    return Terminal(compute_server, tmp_path)


WRITE = "instant: write answer.txt 42"


def test_start_waits_and_shows_phases_and_results(terminal: Terminal) -> None:
    done = terminal.start(WRITE, "--wait", "--interval", "0.05")
    assert done.exit_code == 0, done.output
    for shown in ("Warming up", "Running algorithm", "Job completed", "answer.txt", "3 bytes"):
        assert shown in done.output


def test_a_failed_job_is_exit_code_1(terminal: Terminal) -> None:
    done = terminal.start("instant: exit 3", "--wait", "--interval", "0.05")
    assert done.exit_code == 1
    assert "failed" in done.output


def test_json_is_one_document_whatever_happens_on_the_way(terminal: Terminal) -> None:
    done = said(terminal.start(WRITE, "--wait", "--interval", "0.05", "--json"))
    assert done["status"] == 70
    assert done["algorithmExitCode"] == 0


def test_a_refusal_is_exit_code_2_in_one_line(terminal: Terminal) -> None:
    done = terminal.job("start", "did:op:" + "0" * 64, "--code", str(terminal.key))
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert "did_not_found" in done.stderr


def test_a_silent_server_is_exit_code_3(terminal: Terminal) -> None:
    terminal.url = "http://127.0.0.1:9"
    assert terminal.job("status", "x").exit_code == 3


def test_a_job_that_takes_longer_than_the_timeout_is_exit_code_4(terminal: Terminal) -> None:
    job = terminal.started("instant: stay")
    done = terminal.job("watch", job, "--timeout", "0.1", "--interval", "0.05")
    assert done.exit_code == 4
    assert terminal.job("delete", job).exit_code == 0


def test_stop_says_7_and_watch_then_says_stopped(terminal: Terminal) -> None:
    job = terminal.started("instant: stay")
    assert said(terminal.job("stop", job, "--json"))["status"] == 7
    done = terminal.job("watch", job, "--interval", "0.05")
    assert done.exit_code == 1
    assert "stopped" in done.output


def test_results_are_listed_and_fetched(terminal: Terminal) -> None:
    done = said(terminal.start(WRITE, "--wait", "--interval", "0.05", "--json"))
    listed = said(terminal.job("results", done["jobId"], "--json"))
    assert listed[0]["filename"] == "answer.txt"
    to = terminal.folder / "to"
    fetched = terminal.job("get", done["jobId"], "--to", str(to))
    assert fetched.exit_code == 0, fetched.output
    assert sorted(path.name for path in to.iterdir()) == sorted(r["filename"] for r in listed)
    assert (to / "answer.txt").read_text() == "42\n"


def test_a_result_that_is_not_there_is_refused(terminal: Terminal) -> None:
    done = said(terminal.start(WRITE, "--wait", "--interval", "0.05", "--json"))
    refused = terminal.job("get", done["jobId"], "99")
    assert refused.exit_code == 2
    assert "no result 99" in refused.stderr


def test_status_lists_ones_own_jobs(terminal: Terminal) -> None:
    job = terminal.started(WRITE)
    assert [one["jobId"] for one in said(terminal.job("status", "--json"))] == [job]
    assert job in terminal.job("status").output


def test_a_deleted_job_is_not_found(terminal: Terminal) -> None:
    job = terminal.started(WRITE)
    assert said(terminal.job("delete", job, "--json"))["status"] == 8
    assert terminal.job("status", job).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        ([], "either --algorithm DID or --code FILE"),
        (["--algorithm", "did:op:a", "--code", "x"], "either --algorithm DID or --code FILE"),
        (["--code", "no such file"], "cannot be read"),
        (["--algorithm", "did:op:a", "--custom", "{"], "not JSON"),
    ],
)
def test_wrong_usage_says_how_to_mend_it(
    terminal: Terminal, arguments: list[str], mend: str
) -> None:
    done = terminal.job("start", DATASET, *arguments)
    assert done.exit_code == 2
    assert mend in done.stderr


def test_the_key_comes_from_the_variable_where_no_file_is_given(
    compute_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account.create()
    monkeypatch.setenv("COMPUTE_REF_PRIVATE_KEY", account.private_key.hex())
    done = CliRunner().invoke(main, ["job", "status", "--url", compute_server, "--json"])
    assert said(done) == []


def test_a_broken_key_is_never_printed(terminal: Terminal) -> None:
    terminal.key.write_text("0xsecret")
    done = terminal.job("status")
    assert done.exit_code == 2
    assert "holds no private key" in done.stderr
    assert "secret" not in done.output
