"""An algorithm that runs: found again, waited for, ended by force."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import NoReturn

import pytest

from compute_ref.jobs.endings import STOPPED
from compute_ref.jobs.launching import launch
from compute_ref.jobs.mailbox import Left
from compute_ref.jobs.model import FinishReason
from compute_ref.jobs.publishing import filter_outputs, publish_logs
from compute_ref.jobs.running import resume, watch
from compute_ref.jobs.turn import Turn
from compute_ref.plugins import Exit, Handle
from tests.compute_ref.jobs.conftest import MakeTurn, World, launch_as_before


@pytest.fixture
def running(waiting_world: World) -> str:
    """A job whose algorithm runs, as the server before left it."""
    job_id = waiting_world.left_at(40, "stay", passed=(10, 20, 30))
    launch_as_before(waiting_world, job_id)
    return job_id


def test_a_run_is_found_and_watched(
    make_turn: MakeTurn, waiting_world: World, running: str
) -> None:
    turn = make_turn(running)
    phase = resume(turn)
    assert isinstance(phase, partial)
    assert phase.func is watch
    assert phase.keywords["handle"] == Handle(waiting_world.launched(running))


def test_a_run_that_cannot_be_looked_for_now_is_stopped_on_request(
    make_turn: MakeTurn, waiting_world: World, running: str
) -> None:
    turn = make_turn(running, find=100)
    turn.mailbox.ask_stop()
    assert resume(turn) is filter_outputs
    assert turn.job.finish_reason is FinishReason.STOPPED
    assert turn.job.finish_message == STOPPED
    assert waiting_world.backend.running == 0


def test_a_run_that_the_backend_fails_to_find_is_ended(
    make_turn: MakeTurn, waiting_world: World, running: str
) -> None:
    turn = make_turn(running)
    waiting_world.backend.runs[waiting_world.launched(running)].told = [["raise", "find"]]
    assert resume(turn) is publish_logs
    assert turn.job.finish_reason is FinishReason.BACKEND
    assert "find failed" in turn.job.finish_message
    assert waiting_world.backend.running == 0


@pytest.mark.parametrize("passed", [0, 10])
def test_the_time_of_a_run_counts_from_its_launch(
    make_turn: MakeTurn, waiting_world: World, passed: float
) -> None:
    turn = make_turn(waiting_world.left_at(30, "stay", passed=(10, 20)))
    waiting_world.clock.advance(passed)
    assert launch(turn).func is watch  # type: ignore[attr-defined]
    assert turn.job.status == 40
    assert turn.job.running_since == waiting_world.clock.moment()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "wait came back without telling how the run ended"),
        (Exit(0, "exited"), "wait came back without telling how the run ended"),  # type: ignore[arg-type]
        (Exit("0"), "wait came back with an exit that is none"),  # type: ignore[arg-type]
        (RuntimeError("/srv/secret"), "wait failed"),
    ],
)
def test_a_run_of_whose_end_the_backend_tells_nothing_sound_is_ended(
    make_turn: MakeTurn,
    waiting_world: World,
    running: str,
    answer: Exit | Exception | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def wait(*_: object) -> Exit | None:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(waiting_world.backend, "wait", wait)
    turn = make_turn(running)
    assert watch(turn, handle=Handle(waiting_world.launched(running))) is publish_logs
    assert turn.job.finish_reason is FinishReason.BACKEND
    assert said in turn.job.finish_message
    assert waiting_world.backend.running == 0


def test_a_run_over_its_time_is_ended_and_its_outputs_count(
    make_turn: MakeTurn, waiting_world: World, running: str
) -> None:
    waiting_world.environment = replace(waiting_world.environment, maxJobDuration=100)
    seconds = 100 + waiting_world.deadlines.run_grace
    turn = make_turn(running, wait=seconds + 1)
    assert watch(turn, handle=Handle(waiting_world.launched(running))) is filter_outputs
    assert (turn.job.finish_reason, turn.job.exit_code) == (FinishReason.TIMEOUT, 143)


def test_a_run_that_is_never_found_was_looked_for_as_long_as_a_launch_may_take(
    make_turn: MakeTurn, waiting_world: World, running: str
) -> None:
    turn = make_turn(running, find=10**6)
    resume(turn)
    assert "find did not come back in time" in turn.job.finish_message
    assert waiting_world.clock.ticks() == waiting_world.deadlines.launch


@pytest.mark.parametrize(("allowed", "until"), [(100, 100 + 60 - 30), (0, None)])
def test_a_run_has_its_time_and_what_a_backend_may_be_late_from_when_it_began(
    make_turn: MakeTurn,
    waiting_world: World,
    running: str,
    allowed: int,
    until: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting_world.deadlines = replace(waiting_world.deadlines, run_grace=60)
    waiting_world.environment = replace(waiting_world.environment, maxJobDuration=allowed)
    waiting_world.clock.advance(30)
    turn = make_turn(running)
    limits: list[float | None] = []

    def wait(ready: object, limit: float | None, **_: object) -> NoReturn:
        limits.append(limit)
        raise Left

    monkeypatch.setattr(turn.mailbox, "wait", wait)
    with pytest.raises(Left):
        watch(turn, handle=Handle(waiting_world.launched(running)))
    assert limits == [until and 30 + until]


def forced(turn: Turn, world: World) -> list[tuple[str, float]]:
    """Ask for a stop of a run that is watched; what its backend was told to stop."""
    stopped: list[tuple[str, float]] = []
    stop = world.backend.stop

    def noted(name: str, grace: float) -> None:
        stopped.append((name, grace))
        stop(name, grace)

    turn.mailbox.ask_stop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.backend, "stop", noted)
        watch(turn, handle=Handle(world.launched(turn.ticket[0])))
    return stopped


def test_a_stop_is_asked_with_its_grace_and_may_take_as_long_as_a_call_beyond_it(
    make_turn: MakeTurn, waiting_world: World, running: str
) -> None:
    deadlines = waiting_world.deadlines
    seconds = deadlines.stop_grace + deadlines.backend_call
    turn = make_turn(running, wait=1, stop=seconds)
    stopped = forced(turn, waiting_world)
    assert stopped == [(turn.job.launched, deadlines.stop_grace)]
    assert (turn.job.status, turn.job.exit_code) == (50, 143)


@pytest.mark.parametrize("verb", ["stop", "wait"])
def test_outputs_of_a_run_whose_end_is_not_confirmed_are_not_collected(
    make_turn: MakeTurn, waiting_world: World, running: str, verb: str
) -> None:
    turn = make_turn(running, **{"wait": 1, verb: 10**6})
    forced(turn, waiting_world)
    assert turn.job.status == 60
    assert turn.job.finish_reason is FinishReason.STOPPED
