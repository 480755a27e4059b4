"""Which control group the backend uses, and what it says where there is none to use."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_ref.plugins import BackendUnavailable, Exit, Run
from compute_ref_local.groups import ROOT
from tests.backends.local.conftest import Place, settle
from tests.backends.local.launching import launched_and_killed
from tests.backends.local.test_plain_user import UID, Server
from tests.cgroup.conftest import groups_below, start_in

UNTIL_GO = "until test -e $OUTPUTS/go; do sleep 1; done; echo on; exit 9"


@pytest.fixture
def place(tmp_path: Path, group: Path) -> Iterator[Place]:
    """A data folder for servers; its own backend only takes up what they began."""
    place = Place(tmp_path / "data", sandbox="require", cgroup="none")
    yield place
    settle(place)


def finish(place: Place, run: Run) -> Exit:
    """Take up a run that an earlier server launched, and let it end."""
    handle = place.backend.find(place.backend.name(run.job_id, run.number))
    (run.folders.outputs / "go").touch()
    return place.wait(handle)


def test_a_run_outlives_the_server_below_a_delegated_group_and_is_taken_up(
    place: Place, delegated: Path
) -> None:
    run = place.run(UNTIL_GO)
    checked = launched_and_killed(place, run, start_in(delegated / "server"))
    assert f"memory held by control groups below {delegated}" in checked
    place.until(lambda: len(groups_below(delegated)) == 2)  # the supervisor's and the run's
    assert finish(place, run) == Exit(9)
    assert groups_below(delegated) == {"server"}


def test_the_next_server_may_start_there_while_runs_of_the_last_one_go_on(
    place: Place, delegated: Path
) -> None:
    runs = place.run(UNTIL_GO), place.run(UNTIL_GO)
    for run in runs:
        checked = launched_and_killed(place, run, start_in(delegated / "server"))
        assert f"below {delegated}" in checked
    place.until(lambda: len(groups_below(delegated)) == 3)
    assert [finish(place, run) for run in runs] == [Exit(9), Exit(9)]


def test_the_servers_own_group_is_left_alone_so_that_the_next_one_may_start_in_it(
    place: Place, delegated: Path
) -> None:
    """As systemd before 254 has it, which knows no DelegateSubgroup=."""
    runs = place.run(UNTIL_GO), place.run(UNTIL_GO)
    for run in runs:
        assert "memory watched" in launched_and_killed(place, run, start_in(delegated))
        assert (delegated / "cgroup.subtree_control").read_text() == ""
    assert [finish(place, run) for run in runs] == [Exit(9), Exit(9)]


def test_a_group_that_was_not_delegated_is_left_alone(place: Place, group: Path) -> None:
    run = place.run(UNTIL_GO)
    assert "memory watched" in launched_and_killed(place, run, start_in(group))
    assert groups_below(group) == set()
    assert finish(place, run) == Exit(9)


def test_a_plain_user_may_be_given_a_group(open_folder: Path, delegated: Path) -> None:
    for path in (delegated, delegated / "cgroup.procs", delegated / "cgroup.subtree_control"):
        os.chown(path, UID, UID)
    server = Server(open_folder, start_in(delegated / "server"))
    said = server("python3 -c 'bytearray(300_000_000)'", "require")
    assert f"memory held by control groups below {delegated}" in said[0]
    assert "reason=<ExitReason.OOM" in said[2]


def test_without_a_sandbox_a_plain_user_has_no_group(open_folder: Path, delegated: Path) -> None:
    for path in (delegated, delegated / "cgroup.procs", delegated / "cgroup.subtree_control"):
        os.chown(path, UID, UID)
    said = Server(open_folder, start_in(delegated / "server"))("exit 5", "none")
    assert "memory watched" in said[0]
    assert "code=5" in said[2]


def test_a_named_group_that_others_are_in_stops_the_start(tmp_path: Path, group: Path) -> None:
    with subprocess.Popen([*start_in(group), "cat"], stdin=subprocess.PIPE) as other:
        place = Place(tmp_path / "data", cgroup=str(group))
        place.until(lambda: (group / "cgroup.procs").read_text() != "")
        with pytest.raises(BackendUnavailable, match=f"cgroup: processes are in {group}"):
            place.backend.check()
        assert other.stdin is not None
        other.stdin.close()


def test_a_named_group_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    place = Place(tmp_path / "data", cgroup=str(ROOT / "nowhere"))
    with pytest.raises(BackendUnavailable, match=r"backends\.local\.cgroup: .*nowhere"):
        place.backend.check()


def test_a_group_without_controllers_is_named(tmp_path: Path, group: Path) -> None:
    (group / "below").mkdir()
    place = Place(tmp_path / "data", cgroup=str(group / "below"))
    with pytest.raises(BackendUnavailable, match="may not use the controllers cpu, memory, pids"):
        place.backend.check()
    (group / "below").rmdir()


def test_groups_can_be_turned_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "compute_ref.local"):
        assert "memory watched" in Place(tmp_path / "data", cgroup="none").backend.check()
    assert "control group" not in caplog.text
