"""The example backend behind a whole server: signed calls in, results out."""

from __future__ import annotations

import configparser
import os
import signal
from importlib import import_module
from pathlib import Path

import pluggy
import pytest

import compute_ref_nohup
from compute_ref.plugins import hookspecs
from tests.examples.conftest import Machine, until

PROJECT = Path(__file__).parents[2] / "examples" / "compute-ref-nohup"
READY = 'echo once >> "$OUTPUTS/ready"\n'
STAY = READY + "while :; do sleep 0.1; done\n"
AWAIT_GO = READY + 'until test -e "$INPUTS/go"; do sleep 0.1; done\nexit 3\n'


def test_a_job_ends_with_its_result_and_its_log(machine: Machine) -> None:
    job_id = machine.start('echo counted; cat "$INPUTS"/*/0 > "$OUTPUTS/copy.txt"')
    job = machine.finished(job_id)
    assert (job["status"], job["finishReason"], job["algorithmExitCode"]) == (70, "completed", 0)
    assert [result["filename"] for result in job["results"][:2]] == ["copy.txt", "algorithm.log"]
    assert machine.consumer.result(job_id, 0).text == "1 2 3\n"
    assert machine.consumer.result(job_id, 1).text == "counted\n"


def test_a_job_that_fails_says_with_what(machine: Machine) -> None:
    job = machine.finished(machine.start("echo sorry >&2; exit 3"))
    assert (job["status"], job["finishReason"], job["algorithmExitCode"]) == (70, "failed", 3)
    assert machine.consumer.result(job["jobId"], 0).text == "sorry\n"


def test_a_job_is_stopped(machine: Machine) -> None:
    job_id = machine.start(STAY)
    machine.running(job_id)
    assert machine.consumer.stop(job_id).status_int == 200
    job = machine.finished(job_id)
    assert (job["status"], job["finishReason"], job["algorithmExitCode"]) == (70, "stopped", 143)


def test_an_algorithm_is_asked_first_and_ends_in_its_own_way(machine: Machine) -> None:
    job_id = machine.start("""trap 'echo saved > "$OUTPUTS/saved"; exit 5' TERM\n""" + STAY)
    machine.running(job_id)
    assert machine.consumer.stop(job_id).status_int == 200
    job = machine.finished(job_id)
    assert (job["finishReason"], job["algorithmExitCode"]) == ("stopped", 5)
    assert [result["filename"] for result in job["results"][:2]] == ["ready", "saved"]


def test_a_job_that_does_not_listen_is_stopped_by_force(machine: Machine) -> None:
    job_id = machine.start("trap '' TERM\n" + STAY)
    machine.running(job_id)
    assert machine.consumer.stop(job_id).status_int == 200
    job = machine.finished(job_id)
    assert (job["finishReason"], job["algorithmExitCode"]) == ("stopped", 137)


def test_the_next_server_takes_up_a_job_that_runs(machine: Machine) -> None:
    job_id = machine.start(AWAIT_GO)
    root = machine.running(job_id)
    machine.restart()
    assert machine.consumer.jobs(jobId=job_id)[0]["status"] == 40
    (root / "inputs" / "go").touch()
    assert machine.finished(job_id)["algorithmExitCode"] == 3
    assert machine.consumer.result(job_id, 0).text == "once\n"


def test_the_next_server_takes_up_a_job_that_ended_meanwhile(machine: Machine) -> None:
    job_id = machine.start(AWAIT_GO)
    root = machine.running(job_id)
    machine.close()
    (root / "inputs" / "go").touch()
    until((machine.record(job_id).with_suffix(".exit")).is_symlink)
    machine.restart()
    assert machine.finished(job_id)["algorithmExitCode"] == 3
    assert machine.consumer.result(job_id, 0).text == "once\n"


def test_a_job_whose_keeper_was_killed_meanwhile_is_lost(machine: Machine) -> None:
    job_id = machine.start(STAY)
    machine.running(job_id)
    machine.close()
    keeper = int(machine.record(job_id).readlink().name.split()[0])
    os.killpg(keeper, signal.SIGKILL)
    machine.restart()
    assert machine.finished(job_id)["finishReason"] == "lost"


def test_the_environment_tells_that_nothing_is_held(machine: Machine) -> None:
    (environment,) = machine.consumer.web.get(
        "/api/services/computeEnvironments", {"chainId": 8996}
    ).json
    assert environment["backend"] == "nohup"
    assert set(environment["enforced"].values()) == {"no"}


def test_an_installed_server_finds_it_by_its_entry_point() -> None:
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    name, module = setup["options.entry_points"]["compute_ref"].strip().split(" = ")
    manager = pluggy.PluginManager("compute_ref")
    manager.add_hookspecs(hookspecs)
    manager.register(import_module(module), name)
    assert manager.hook.backends() == [{"nohup": compute_ref_nohup.NohupBackend}]


@pytest.mark.parametrize("package", ["compute_ref_nohup"])
def test_the_project_has_the_package(package: str) -> None:
    setup = configparser.ConfigParser()
    setup.read(PROJECT / "setup.cfg")
    assert setup["options"]["packages"].split() == [package]
    assert (PROJECT / package / "__init__.py").is_file()
