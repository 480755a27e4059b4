"""Without a sandbox: real folders, a user of its own where the server is root, limits."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute_ref.plugins import BackendUnavailable, Exit, ExitReason, Limits
from tests.backends.local.conftest import Place

pytestmark = pytest.mark.usefixtures("as_root")
MIB = 2**20


def test_it_has_the_same_variables_with_real_paths(bare: Place) -> None:
    run = bare.run("env; pwd; cat $INPUTS/data; echo x > $OUTPUTS/x")
    assert bare.finish(run) == Exit(0)
    lines = bare.log(run).splitlines()
    assert f"VOLUME={run.folders.root}" in lines
    assert f"OUTPUTS={run.folders.outputs}" in lines
    assert f"LOGS={run.folders.logs}" in lines
    assert str(run.folders.root) in lines
    assert lines[-1] == f"the input of {run.job_id}"
    assert bare.output(run, "x") == "x\n"


def test_a_path_with_spaces_is_quoted(bare: Place) -> None:
    run = bare.run("$ALGO there", code="#!/bin/sh\necho hello $1\n")
    moved = run.folders.root.parent / "1 and more"
    folders = replace(
        run.folders,
        **{
            name: moved / getattr(run.folders, name).name
            for name in ("inputs", "ddos", "transformations", "outputs", "logs")
        },
        root=moved,
    )
    run.folders.root.rename(moved)
    folders.control.mkdir(parents=True)
    run = replace(run, folders=folders)
    assert bare.finish(run) == Exit(0)
    assert bare.log(run) == "hello there\n"


def test_the_user_of_its_own_keeps_it_from_keys_and_from_other_jobs(bare: Place) -> None:
    bare.backend.check()
    key = bare.data_dir / "provider.key"
    key.write_text("the key")
    key.chmod(0o600)
    ended = bare.run("echo result > $OUTPUTS/result")
    bare.finish(ended)
    other = bare.run("echo result > $OUTPUTS/result; sleep 600")
    bare.backend.launch(other)
    bare.until((other.folders.outputs / "result").exists)
    targets = [
        *(key, "/etc/shadow", other.folders.inputs / "data", other.folders.outputs / "result"),
        *(ended.folders.inputs / "data", ended.folders.outputs / "result"),
    ]
    run = bare.run("".join(f"cat {target}; " for target in targets) + "true")
    assert bare.finish(run) == Exit(0)
    assert bare.log(run).count("Permission denied") == len(targets), bare.log(run)


def test_it_cannot_change_its_inputs_log_or_exit(bare: Place) -> None:
    run = bare.run("true")
    folders = run.folders
    targets = (folders.inputs, folders.logs, folders.transformations, folders.control, folders.root)
    writes = "".join(f"echo x > {target}/new; " for target in targets)
    run = replace(run, entrypoint=f"{writes} rm -f {folders.logs}/algorithm.log; true")
    assert bare.finish(run) == Exit(0)
    assert not list(folders.root.rglob("new"))
    assert bare.log(run).count("Permission denied") == len(targets) + 1


def test_it_cannot_end_its_supervisor_nor_gain_rights(bare: Place) -> None:
    run = bare.run("kill -9 $PPID; kill -9 -1; grep NoNewPrivs /proc/self/status")
    end = bare.finish(run)
    assert end.code in (0, 137)
    assert end.reason is ExitReason.EXITED


@pytest.mark.parametrize(
    ("code", "limits", "reason"),
    [
        ("while :; do head -c 100000 /dev/zero >> $OUTPUTS/x; done", {"disk": MIB}, "storage"),
        ("head -c 200000000 /dev/zero | tail", {"memory": 40 * MIB}, "oom"),
        ("for n in $(seq 40); do sleep 60 & done; wait", {"processes": 32}, "exited"),
        ("sleep 600", {"seconds": 1}, "timeout"),
    ],
)
def test_limits_hold(bare: Place, code: str, limits: dict[str, Any], reason: str) -> None:
    run = bare.run("sh $ALGO", code=code, **limits)
    end = bare.finish(run)
    assert (end.reason, end.code != 0) == (reason, True), bare.log(run)


def test_children_that_left_their_session_are_ended(bare: Place) -> None:
    run = bare.run("setsid sh -c 'trap \"\" TERM; sleep 600' & exit 3")
    assert bare.finish(run) == Exit(3)


def test_a_killed_supervisor_leaves_nothing_that_stop_does_not_end(bare: Place) -> None:
    run = bare.run("setsid sleep 600 & sleep 600 & echo ready; wait")
    handle = bare.backend.launch(run)
    bare.until(lambda: "ready" in bare.log(run))
    os.kill(bare.supervisor(run), signal.SIGKILL)
    bare.backend.stop(handle.name, 0)
    assert bare.alive(run) == []
    assert bare.wait(handle, 0).reason is ExitReason.LOST


def test_a_data_folder_that_no_user_may_enter_is_refused_with_the_mend(
    tmp_path: Path, bare: Place
) -> None:
    bare.data_dir = tmp_path / "closed"
    with pytest.raises(BackendUnavailable, match="let every user pass"):
        bare.another_backend().check()


def test_it_says_what_is_not_held(bare: Place) -> None:
    held = bare.backend.enforced(Limits(1, 2**30, 2**30, 2**20, 60, 256))
    assert held["network"] == "no"
    assert held["filesystem"] == "file permissions"
    assert held["user"] != "no"
