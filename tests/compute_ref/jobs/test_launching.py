"""What a backend is told of a run, and what becomes of a launch that fails."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from compute_ref.assets.plan import Dataset
from compute_ref.jobs import launching
from compute_ref.jobs.launching import describe, launch, limits, name_run, variables
from compute_ref.jobs.mailbox import StopAsked
from compute_ref.jobs.model import FinishReason, ResultType, Status
from compute_ref.jobs.publishing import publish_logs
from compute_ref.jobs.turn import Turn
from compute_ref.plugins import AlgorithmUnavailable, Image, Limits, Run
from compute_ref.settings import Environment
from tests.compute_ref.jobs.conftest import DID, Durable, MakeTurn, World, plan_of


def test_a_run_may_use_what_its_environment_says() -> None:
    environment = Environment(
        "large",
        "instant",
        cpuNumber=2.5,
        gpuNumber=3,
        ramGB=0.5,
        diskGB=2,
        logMB=1,
        maxJobDuration=90,
        processes=7,
    )
    assert limits(environment) == Limits(
        cpus=2.5,
        memory=2**29,
        disk=2**31,
        log=2**20,
        seconds=90,
        processes=7,
        gpus=3,
    )


def test_a_backend_is_told_all_that_the_plan_says(make_turn: MakeTurn) -> None:
    turn = make_turn()
    plan = plan_of("true")
    algorithm = replace(plan.algorithm, image="python", tag="3.12", checksum="sha256:ab")
    run = describe(turn, replace(plan, algorithm=algorithm, network=True))
    assert (run.job_id, run.number) == turn.ticket
    assert run.entrypoint == "sh $ALGO"
    assert run.image == Image("python", "3.12", "sha256:ab")
    assert run.folders == turn.folders
    assert run.limits == limits(turn.environment)
    assert run.network
    assert set(run.variables) == {"DIDS", "TRANSFORMATION_DID", "secret"}
    assert describe(turn, plan).image is None
    assert not describe(turn, plan).network


def test_an_algorithm_knows_its_assets_and_a_secret_of_each_launch() -> None:
    plan = plan_of("true")
    datasets = (*plan.datasets, Dataset("did:op:" + "b" * 64, "compute", {}, ()))
    algorithm = replace(plan.algorithm, document_id=DID)
    plan = replace(plan, datasets=datasets, algorithm=algorithm)
    first, second = variables(plan), variables(plan)
    assert json.loads(first["DIDS"]) == ["a" * 64, "b" * 64]
    assert first["TRANSFORMATION_DID"] == "a" * 64
    assert len(bytes.fromhex(first["secret"])) == 32
    assert first["secret"] != second["secret"]


@pytest.fixture
def named(waiting_world: World) -> str:
    """A job whose run has a name, and no algorithm yet."""
    return waiting_world.left_at(30, passed=(10, 20))


def logged(turn: Turn) -> str:
    return turn.messages.of(ResultType.CONFIGURATION_LOG).decode()


def test_the_name_of_a_run_is_on_the_disk_before_anything_is_launched_under_it(
    make_turn: MakeTurn, waiting_world: World, tmp_path: Path
) -> None:
    durable = Durable(tmp_path, waiting_world)
    turn = make_turn(waiting_world.left_at(30, launched=False, passed=(10, 20)))
    assert name_run(turn) is launch
    assert durable.left(turn.job.job_id).launched == turn.job.launched is not None


@pytest.mark.parametrize(("how", "said"), [("raise", "name failed"), ("lie", "no name")])
def test_a_run_without_a_name_is_not_launched(
    make_turn: MakeTurn, waiting_world: World, how: str, said: str
) -> None:
    waiting_world.backend.tell(f"{how} name")
    turn = make_turn(waiting_world.left_at(30, launched=False, passed=(10, 20)))
    assert name_run(turn) is publish_logs
    assert turn.job.finish_reason is FinishReason.BACKEND
    assert said in turn.job.finish_message
    assert turn.job.launched is None


@pytest.mark.parametrize("how", ["raise", "lie"])
def test_what_a_failed_launch_may_have_started_is_stopped(
    make_turn: MakeTurn,
    waiting_world: World,
    named: str,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turn, stopped = make_turn(named), list[tuple[str, float]]()
    waiting_world.backend.tell(f"{how} launch")
    monkeypatch.setattr(waiting_world.backend, "stop", lambda *about: stopped.append(about))
    assert launch(turn) is publish_logs
    assert stopped == [(turn.job.launched, waiting_world.deadlines.stop_grace)]
    assert turn.given_up.is_set()
    assert turn.job.finish_reason is FinishReason.BACKEND
    assert "launch" in turn.job.finish_message
    assert "did not confirm" not in logged(turn)


def test_an_algorithm_that_cannot_be_had_ends_at_32_in_the_backends_words(
    make_turn: MakeTurn, waiting_world: World, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Run) -> NoReturn:
        raise AlgorithmUnavailable("There is no image of this name.")

    monkeypatch.setattr(waiting_world.backend, "launch", refuse)
    phase = launch(make_turn(named))
    assert isinstance(phase, partial)
    assert phase.keywords["status"] is Status.ALGORITHM_FAILED
    assert phase.keywords["ending"].message == "There is no image of this name."


def test_what_was_stopped_before_its_launch_is_not_launched(
    make_turn: MakeTurn, waiting_world: World, named: str
) -> None:
    turn = make_turn(named)
    turn.mailbox.ask_stop()
    assert launch(turn) is publish_logs
    assert turn.job.finish_reason is FinishReason.STOPPED
    verbs = [verb for verb, _ in waiting_world.backend.calls]
    assert "launch" not in verbs
    assert "stop" in verbs, "an earlier server may have launched it"


def test_what_is_stopped_while_it_is_launched_is_called_off(
    make_turn: MakeTurn, waiting_world: World, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> NoReturn:
        raise StopAsked

    monkeypatch.setattr(launching, "patiently", stopped)
    turn = make_turn(named)
    assert launch(turn) is publish_logs
    assert turn.given_up.is_set()
    assert turn.job.finish_reason is FinishReason.STOPPED


def test_a_stop_that_is_not_confirmed_is_told(
    make_turn: MakeTurn, waiting_world: World, named: str
) -> None:
    turn = make_turn(named)
    waiting_world.backend.tell("raise launch", "raise stop")
    assert launch(turn) is publish_logs
    assert turn.job.status is Status.PUBLISHING
    assert "The environment did not confirm that nothing of the run is left." in logged(turn)


def test_a_stop_after_a_failed_launch_has_its_grace_and_the_time_of_a_call(
    make_turn: MakeTurn, waiting_world: World, named: str
) -> None:
    deadlines = waiting_world.deadlines
    waiting_world.backend.tell("raise launch")
    turn = make_turn(named, stop=deadlines.stop_grace + deadlines.backend_call)
    launch(turn)
    assert "did not confirm" not in logged(turn)


def test_a_run_that_comes_after_it_was_given_up_is_removed(
    make_turn: MakeTurn, waiting_world: World, named: str
) -> None:
    turn = make_turn(named)
    turn.given_up.set()
    launch(turn)
    assert ("launch", turn.job.launched) in waiting_world.backend.calls
    assert waiting_world.backend.runs == {}
