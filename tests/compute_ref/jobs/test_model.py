"""Jobs as values: which changes a job may go through, and what each of them leaves behind."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from itertools import product

import pytest

from compute_ref.jobs.model import (
    FinishReason,
    IllegalTransition,
    Job,
    Moment,
    Passage,
    Result,
    ResultType,
    Status,
    StopRequest,
)
from tests.compute_ref.jobs.builders import job

FINAL = (Status.DATA_FAILED, Status.ALGORITHM_FAILED, Status.COMPLETED)
RESULT = Result("answer.txt", 3, ResultType.OUTPUT, "0" * 64, "outputs/answer.txt")


def at(status: Status) -> Job:
    """A job that reached `status`."""
    return replace(job("a"), status=status)


def test_codes_and_texts_are_those_of_the_page() -> None:
    assert {int(status): status.text for status in Status} == {
        1: "Warming up",
        10: "Job started",
        20: "Configuring volumes",
        30: "Provisioning success",
        31: "Data provisioning failed",
        32: "Algorithm provisioning failed",
        40: "Running algorithm",
        50: "Filtering results",
        60: "Publishing results",
        70: "Job completed",
    }


def test_a_run_ends_with_a_failed_provisioning_or_completed() -> None:
    assert {status for status in Status if status.final} == set(FINAL)
    assert {status for status in Status if at(status).final} == set(FINAL)


@pytest.mark.parametrize(("old", "new"), list(product(Status, Status)))
def test_a_status_only_grows_and_a_final_one_stays(old: Status, new: Status) -> None:
    before = at(old)
    if new == old:
        assert before.entered(new, 5.0) is before
    elif new > old and old not in FINAL:
        after = before.entered(new, 5.0)
        assert after.status is new
        assert after.history == (*before.history, Passage(1, new, 5.0))
        assert replace(after, status=old, history=before.history) == before
    else:
        with pytest.raises(IllegalTransition, match=f"a cannot go from {old} to {new}"):
            before.entered(new, 5.0)


def test_a_history_tells_each_status_with_its_run_and_time() -> None:
    ended = job("a").entered(Status.STARTED, 2.0).ended(Status.COMPLETED, 3.0, ())
    again = ended.run_again(4.0, "0x2").entered(Status.RUNNING, 5.0)
    assert [(p.run, int(p.status), p.at) for p in again.history] == [
        (1, 1, 1.0),
        (1, 10, 2.0),
        (1, 70, 3.0),
        (2, 1, 4.0),
        (2, 40, 5.0),
    ]


def test_an_end_has_its_time_and_its_results() -> None:
    ended = at(Status.PUBLISHING).ended(Status.COMPLETED, 9.0, (RESULT,), "did:op:x")
    assert (ended.status, ended.finished) == (Status.COMPLETED, 9.0)
    assert (ended.results, ended.results_did) == ((RESULT,), "did:op:x")
    assert ended.history[-1] == Passage(1, Status.COMPLETED, 9.0)
    assert at(Status.PUBLISHING).ended(Status.COMPLETED, 9.0, ()).results_did == ""


def test_a_job_that_has_ended_does_not_end_otherwise() -> None:
    with pytest.raises(IllegalTransition):
        at(Status.DATA_FAILED).ended(Status.COMPLETED, 9.0, ())


def test_the_first_reason_of_an_end_stays() -> None:
    first = job("a").because(FinishReason.OUT_OF_MEMORY, "too much", 137)
    assert (first.finish_reason, first.exit_code) == (FinishReason.OUT_OF_MEMORY, 137)
    assert first.because(FinishReason.FAILED, "exit code 1", 1) is first


def test_the_first_stop_request_stays() -> None:
    asked = at(Status.RUNNING).stop_asked(StopRequest.ASKED)
    assert asked.stop_request is StopRequest.ASKED
    assert asked.stop_asked(StopRequest.TIME_LIMIT) is asked
    limit = at(Status.RUNNING).stop_asked(StopRequest.TIME_LIMIT)
    assert limit.stop_asked(StopRequest.ASKED).stop_request is StopRequest.TIME_LIMIT


@pytest.mark.parametrize("status", FINAL)
def test_a_job_that_has_ended_takes_no_stop_request(status: Status) -> None:
    assert at(status).stop_asked(StopRequest.ASKED) == at(status)


@pytest.mark.parametrize("status", [status for status in Status if status not in FINAL])
def test_only_a_job_that_has_ended_runs_again(status: Status) -> None:
    with pytest.raises(IllegalTransition, match="a is not final"):
        at(status).run_again(4.0, "0x2")


@pytest.mark.parametrize("status", FINAL)
def test_the_next_run_begins_as_a_new_job_does(status: Status) -> None:
    last = replace(
        at(status),
        finished=3.0,
        stop_request=StopRequest.ASKED,
        finish_reason=FinishReason.STOPPED,
        finish_message="asked",
        exit_code=143,
        results=(RESULT,),
        results_did="did:op:x",
        results_expired=True,
        launched="a-1",
        attempts=2,
        running_since=Moment(2.0, "boot", 20.0),
    )
    begun = (*last.history, Passage(2, Status.WARMING_UP, 4.0))
    new = replace(job("a", order="0x2"), run=2, history=begun)
    assert last.run_again(4.0, "0x2") == new


def test_a_job_is_never_changed_in_place() -> None:
    before = job("a")
    before.entered(Status.RUNNING, 2.0).because(FinishReason.FAILED, "").stop_asked(
        StopRequest.ASKED
    )
    assert before == job("a")
    with pytest.raises(FrozenInstanceError):
        before.run = 2  # type: ignore[misc]


def test_within_one_boot_durations_are_the_boot_clocks() -> None:
    begun = Moment(wall=1_000.0, boot="one", ticks=50.0)
    assert begun.until(Moment(wall=9_000.0, boot="one", ticks=57.5)) == 7.5
    assert begun.until(Moment(wall=0.0, boot="one", ticks=57.5)) == 7.5


def test_across_a_boot_durations_are_the_walls_and_never_negative() -> None:
    begun = Moment(wall=1_000.0, boot="one", ticks=50.0)
    assert begun.until(Moment(wall=1_060.0, boot="two", ticks=3.0)) == 60.0
    assert begun.until(Moment(wall=900.0, boot="two", ticks=3.0)) == 0.0
