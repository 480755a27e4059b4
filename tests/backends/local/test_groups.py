"""The bounds of a run's control group, and where there is none; tests/cgroup runs real ones."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from compute_ref.plugins import BackendUnavailable, Limits
from compute_ref_local import groups
from compute_ref_local.groups import PAGE, bounds
from compute_ref_local.supervision import group
from tests.backends.local.conftest import Place


def test_what_is_not_limited_is_not_bound() -> None:
    assert bounds(Limits(), 0) == {
        "memory.max": "max",
        "memory.swap.max": "max",
        "memory.oom.group": "1",
        "pids.max": "max",
        "cpu.max": "max 100000",
    }


def test_memory_is_bound_in_whole_pages_and_without_swap() -> None:
    bound = bounds(Limits(memory=3 * PAGE + 1), 0)
    assert (bound["memory.max"], bound["memory.swap.max"]) == (str(3 * PAGE), "0")


@pytest.mark.parametrize(("cpus", "quota"), [(0.5, 50_000), (2, 200_000), (0.001, 1_000)])
def test_processors_are_bound_by_time_and_never_to_less_than_the_kernel_takes(
    cpus: float, quota: int
) -> None:
    assert bounds(Limits(cpus=cpus), 0)["cpu.max"] == f"{quota} 100000"


def test_threads_are_bound() -> None:
    assert bounds(Limits(), 96)["pids.max"] == "96"


def test_without_groups_memory_is_watched_and_nobody_is_warned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(groups, "ROOT", tmp_path)  # a fake: as on a machine without version 2
    with caplog.at_level(logging.INFO, "compute_ref.local"):
        said = Place(tmp_path / "data", sandbox="require").backend.check()
    assert said.endswith("memory watched every 250 ms")
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    assert f"no control groups of version 2 at {tmp_path}" in caplog.text


def test_a_named_group_stops_the_start_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "ROOT", tmp_path)  # a fake, as above
    backend = Place(tmp_path / "data", cgroup="/sys/fs/cgroup/compute").backend
    with pytest.raises(BackendUnavailable, match=r"^backends\.local\.cgroup: there are no control"):
        backend.check()


def test_what_is_gone_is_ended_and_removed(tmp_path: Path) -> None:
    """As after a restart of the machine, of which a record tells of the group."""
    gone = str(tmp_path / "gone")
    group.end(gone)
    group.remove(gone)
    assert not group.ran_out(gone)
    assert not group.holds(gone, bounds(Limits(), 0))
