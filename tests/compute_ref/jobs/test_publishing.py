"""What an algorithm left becomes results only where everything before went well."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute_ref.jobs import publishing
from compute_ref.jobs.endings import COMPLETED, LOST, Ending
from compute_ref.jobs.messages import NOTICES
from compute_ref.jobs.messages import publish_logs as publish_logs_files
from compute_ref.jobs.model import FinishReason, Job, Result, Status
from compute_ref.jobs.outputs import seal
from compute_ref.jobs.publishing import concluded, filter_outputs, publish, publish_logs
from compute_ref.jobs.turn import Phase, Turn
from compute_ref.plugins import hookimpl
from compute_ref.refusals import SystemShort
from tests.compute_ref.jobs.conftest import Durable, MakeTurn, World


@pytest.fixture
def turn(make_turn: MakeTurn, waiting_world: World) -> Turn:
    """A run whose algorithm has just ended and left one file."""
    turn = make_turn(waiting_world.left_at(40, passed=(10, 20, 30)))
    (turn.folders.outputs / "a").write_text("1")
    return turn


def through(turn: Turn, phase: Phase | None) -> Job:
    while phase is not None:
        phase = phase(turn)
    return turn.job


def test_outputs_that_can_be_relied_on_are_filtered(turn: Turn) -> None:
    assert concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)) is filter_outputs
    assert turn.job.status is Status.FILTERING
    assert [result.filename for result in through(turn, filter_outputs).results][:1] == ["a"]


def test_outputs_that_cannot_are_not_and_the_job_was_never_at_50(turn: Turn) -> None:
    assert concluded(turn, Ending(FinishReason.LOST, LOST, sound=False)) is publish_logs
    assert turn.job.status is Status.PUBLISHING
    usual = os.umask(0)
    try:
        job = through(turn, publish_logs)
    finally:
        os.umask(usual)
    assert job.status is Status.COMPLETED
    assert job.results_did == ""
    assert stat.S_IMODE((turn.folders.root / "results").stat().st_mode) == 0o700
    assert [result.filename for result in job.results] == ["algorithm.log", "configuration.log"]
    assert 50 not in [passage.status for passage in job.history]


def test_the_place_of_the_results_is_on_the_disk_before_the_job_is_final(
    turn: Turn, waiting_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[Path, bool]] = []
    monkeypatch.setattr(
        publishing, "sync_folder", lambda path: synced.append((path, turn.job.final))
    )
    sealed: list[bool] = []

    def noted(folder: Path, *, sync: bool) -> tuple[Result, ...]:
        sealed.append(sync)
        return seal(folder, sync=sync)

    def logs_noted(*about: Any, sync: bool) -> tuple[Result, ...]:
        sealed.append(sync)
        return publish_logs_files(*about, sync=sync)

    monkeypatch.setattr(publishing, "seal", noted)
    monkeypatch.setattr(publishing, "publish_log_files", logs_noted)
    waiting_world.workspaces.sync = True
    through(turn, concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)))
    assert synced == [(turn.draft, False), (turn.folders.root, False)]
    assert sealed == [True, True]
    assert stat.S_IMODE((turn.folders.root / "results").stat().st_mode) == 0o700
    assert turn.job.final


def test_a_final_status_survives_a_power_cut(
    make_turn: MakeTurn, waiting_world: World, tmp_path: Path
) -> None:
    durable = Durable(tmp_path, waiting_world)
    turn = make_turn(waiting_world.left_at(60, passed=(10, 20, 30, 40, 50)))
    job = through(turn, publish_logs)
    assert job.final
    assert durable.left(job.job_id) == job


def test_results_that_cannot_take_their_place_are_not_published(
    turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = publishing._put_in_place

    def broken(turn: Turn) -> None:
        monkeypatch.setattr(publishing, "_put_in_place", usual)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(publishing, "_put_in_place", broken)
    job = through(turn, concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)))
    assert job.finish_reason is FinishReason.BACKEND
    assert "storing the results failed" in job.finish_message
    assert [result.filename for result in job.results] == ["algorithm.log", "configuration.log"]


@pytest.mark.parametrize("allowed", [0, 10])
def test_no_more_of_a_log_is_published_than_the_environment_allows(
    make_turn: MakeTurn, waiting_world: World, allowed: int
) -> None:
    waiting_world.environment = replace(waiting_world.environment, logMB=allowed / 2**20)
    turn = make_turn(waiting_world.left_at(40, passed=(10, 20, 30)))
    (turn.folders.logs / "algorithm.log").write_text("x" * 2 * NOTICES)
    job = through(turn, concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)))
    said = waiting_world.result(job, "algorithm.log").decode()
    assert (said.count("x") >= 2 * NOTICES) is (allowed == 0)


def fail(monkeypatch: pytest.MonkeyPatch, *codes: int) -> None:
    """Let the storing of the logs fail so often, and then do as usual."""
    left, usual = list(codes), publishing._with_logs

    def with_logs(*about: Any) -> tuple[Result, ...]:
        if left:
            code = left.pop(0)
            raise OSError(code, os.strerror(code))
        return usual(*about)

    monkeypatch.setattr(publishing, "_with_logs", with_logs)


def test_where_the_results_find_no_room_the_logs_are_kept_and_say_so(
    turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = turn.draft
    fail(monkeypatch, errno.ENOSPC)
    job = through(turn, concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)))
    assert job.finish_reason is FinishReason.BACKEND
    assert "storing the logs failed (No space left on device)" in job.finish_message
    assert [result.filename for result in job.results] == ["algorithm.log", "configuration.log"]
    assert turn.draft != draft, "who comes late may yet write to the old one"


def test_where_not_even_the_logs_find_room_the_job_ends_without_them(
    turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, errno.ENOSPC, errno.ENOSPC)
    job = through(turn, concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)))
    assert (job.status, job.results) == (Status.COMPLETED, ())
    assert job.finish_reason is FinishReason.BACKEND


def test_while_no_files_can_be_opened_nothing_is_given_up(
    turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, errno.EMFILE)
    phase = concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED))
    with pytest.raises(SystemShort):
        through(turn, phase)
    assert turn.job.status is Status.PUBLISHING
    assert turn.job.finish_reason is FinishReason.COMPLETED


@pytest.mark.parametrize("allowed", [0, 1, 2**30])
def test_no_more_is_collected_than_the_environment_allows(
    make_turn: MakeTurn, waiting_world: World, allowed: int
) -> None:
    environment = replace(waiting_world.environment, diskGB=allowed / 2**30)
    waiting_world.environment = environment
    turn = make_turn(waiting_world.left_at(40, passed=(10, 20, 30)))
    (turn.folders.outputs / "a").write_text("22")
    concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED))
    job = through(turn, filter_outputs)
    assert (job.finish_reason is FinishReason.STORAGE) is (allowed == 1)
    assert ("the outputs are larger than" in job.finish_message) is (allowed == 1)
    assert ("a" in [result.filename for result in job.results]) is (allowed != 1)


def test_collecting_that_does_not_end_in_time_ends_the_job(
    make_turn: MakeTurn, waiting_world: World
) -> None:
    job_id = waiting_world.left_at(40, passed=(10, 20, 30))
    turn = make_turn(job_id, **{"collecting the outputs": 10**6})
    concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED))
    assert filter_outputs(turn) is publish_logs
    assert turn.job.finish_reason is FinishReason.BACKEND
    assert "collecting the outputs did not come back in " in turn.job.finish_message


@pytest.mark.parametrize(("written", "own"), [(None, True), ("", True), ("x", False)])
def test_an_algorithm_that_says_nothing_has_a_log_all_the_same(
    turn: Turn, waiting_world: World, written: str | None, own: bool
) -> None:
    if written is not None:
        (turn.folders.logs / "algorithm.log").write_text(written)
    concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED))
    job = through(turn, filter_outputs)
    said = waiting_world.result(job, "algorithm.log").decode()
    assert (COMPLETED in said) is own


class Filter:
    """A filter that remembers what it was asked about, and may fail."""

    def __init__(self, fails: bool) -> None:
        self.fails = fails
        self.asked: list[tuple[str, list[str]]] = []

    @hookimpl
    def filter_results(self, job: Job, folder: Path) -> None:
        self.asked.append((job.job_id, [path.name for path in folder.iterdir()]))
        if self.fails:
            raise RuntimeError("/srv/secret")


@pytest.mark.parametrize("fails", [False, True])
def test_a_filter_sees_job_and_files_and_what_it_does_not_pass_is_not_published(
    turn: Turn, waiting_world: World, fails: bool
) -> None:
    plugin = Filter(fails)
    waiting_world.plugins.register(plugin)
    job = through(turn, concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)))
    assert plugin.asked == [(job.job_id, ["a"])]
    assert ("a" in [result.filename for result in job.results]) is not fails
    assert ("filtering the results failed" in job.finish_message) is fails
    assert job.finish_reason is (FinishReason.FILTERING if fails else FinishReason.COMPLETED)


class Publisher:
    """A plug-in that cannot publish."""

    @hookimpl
    def publish_results(self) -> None:
        raise RuntimeError("/srv/secret")


class Liar:
    """A plug-in that answers no DID."""

    @hookimpl
    def publish_results(self) -> str:
        return 7  # type: ignore[return-value]


def test_results_that_a_plugin_cannot_publish_are_kept_here(
    turn: Turn, waiting_world: World
) -> None:
    waiting_world.plugins.register(Publisher())
    concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED))
    job = through(turn, filter_outputs)
    assert job.finish_reason is FinishReason.COMPLETED
    assert waiting_world.result(job, "a") == b"1"
    assert job.results_did == ""
    said = waiting_world.result(job, "publish.log").decode()
    assert "publishing the results failed. The results are kept here" in said


def test_what_is_no_did_is_not_told_as_one(turn: Turn, waiting_world: World) -> None:
    waiting_world.plugins.register(Liar())
    job = through(turn, concluded(turn, Ending(FinishReason.COMPLETED, COMPLETED)))
    assert job.finish_reason is FinishReason.COMPLETED
    assert job.results_did == ""


def test_results_that_cannot_be_stored_are_not_published(turn: Turn) -> None:
    """The collected files are gone: nothing is there to be put in place."""
    turn.enter(Status.FILTERING)
    assert publish(turn) is publish_logs
    assert turn.job.finish_reason is FinishReason.BACKEND
    assert "storing the results failed" in turn.job.finish_message
