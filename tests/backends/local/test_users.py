"""Users for runs: one each, free of processes, never taken from a run that has it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from compute_ref.plugins import BackendUnavailable
from compute_ref_local import users
from compute_ref_local.users import Users

pytestmark = pytest.mark.usefixtures("as_root")
FIRST = 300_000 + 2 * os.getpid()  # nobody's, not even of these tests run twice at once


@pytest.fixture
def some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Users:
    monkeypatch.setattr(users, "MANY", 2)
    return Users(FIRST, tmp_path / "locks")


def test_each_has_another(some: Users) -> None:
    with some.one() as (first, _), some.one() as (second, _):
        assert {first, second} == {FIRST, FIRST + 1}


def test_when_all_are_in_use_the_launch_is_to_be_tried_again(some: Users) -> None:
    with some.one(), some.one(), pytest.raises(BackendUnavailable, match="in use"), some.one():
        pass
    with some.one() as (uid, _):
        assert uid == FIRST


def test_a_new_one_has_no_process(some: Users) -> None:
    with subprocess.Popen(["sleep", "600"], user=FIRST) as left_over, some.one() as (uid, _):
        assert uid == FIRST
        assert left_over.poll() is not None


def test_the_end_of_a_run_does_not_touch_who_has_its_user_now(some: Users) -> None:
    with some.one() as (uid, _), subprocess.Popen(["sleep", "600"], user=uid) as its:
        some.end_rest(uid)
        assert its.poll() is None
        its.kill()


def test_what_a_run_left_is_ended(some: Users) -> None:
    with subprocess.Popen(["sleep", "600"], user=FIRST) as left_over:
        some.end_rest(FIRST)
        assert left_over.poll() is not None
