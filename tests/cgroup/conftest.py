"""Groups for runs, on a kernel with version 2 of control groups; see machine.py."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute_ref_local.groups import CONTROLLERS, ROOT
from tests.backends.local.conftest import Place, settle


@pytest.fixture
def group() -> Iterator[Path]:
    """A group that may hand controllers down; afterwards no run's group is left below it."""
    (ROOT / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in CONTROLLERS))
    group = ROOT / f"test-{secrets.token_hex(4)}"
    group.mkdir()
    yield group
    assert groups_below(group) - {"server"} == set()
    for name in groups_below(group):
        (group / name).rmdir()
    group.rmdir()


@pytest.fixture
def delegated(group: Path) -> Path:
    """The same with `server` below, as systemd has it for Delegate= and DelegateSubgroup=server."""
    os.setxattr(group, "user.delegate", b"1")
    (group / "server").mkdir()
    return group


@pytest.fixture
def held(tmp_path: Path, group: Path) -> Iterator[Place]:
    """Sandboxed, each run in a group of its own."""
    place = Place(tmp_path / "data", sandbox="require", cgroup=str(group))
    yield place
    settle(place)


@pytest.fixture
def bare(open_folder: Path, group: Path) -> Iterator[Place]:
    """Without a sandbox, each run in a group of its own."""
    place = Place(open_folder / "data", sandbox="none", cgroup=str(group))
    yield place
    settle(place)


def groups_below(group: Path) -> set[str]:
    return {path.name for path in group.iterdir() if path.is_dir()}


def start_in(group: Path) -> list[str]:
    """The beginning of a command that is run in a group."""
    return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group)]
