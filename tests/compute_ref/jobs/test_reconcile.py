"""Which jobs get their places back first after a restart of the server."""

from __future__ import annotations

from dataclasses import replace

from compute_ref.jobs.launching import launch
from compute_ref.jobs.model import FinishReason, Passage, Status
from compute_ref.jobs.preparing import prepare
from compute_ref.jobs.publishing import filter_outputs, publish_logs
from compute_ref.jobs.reconcile import first_phase, in_order, under_way
from compute_ref.jobs.running import resume
from tests.compute_ref.jobs.builders import job

WAITING = job("waiting")
CONFIGURING = replace(job("configuring"), status=Status.CONFIGURING)
LAUNCHED = replace(job("launched"), status=Status.PROVISIONED, launched="launched-1")
RUNNING = replace(job("running"), status=Status.RUNNING)
PUBLISHING = replace(job("publishing"), status=Status.PUBLISHING)


def test_a_run_that_was_launched_or_is_past_that_holds_a_place() -> None:
    for one in (LAUNCHED, RUNNING, PUBLISHING):
        assert under_way(one)
    for one in (WAITING, CONFIGURING):
        assert not under_way(one)


def test_runs_under_way_come_first_then_what_was_begun_then_what_waits() -> None:
    jobs = [WAITING, CONFIGURING, PUBLISHING, LAUNCHED]
    assert in_order(jobs) == [PUBLISHING, LAUNCHED, CONFIGURING, WAITING]


def test_a_run_goes_on_where_it_was() -> None:
    passed = (Passage(1, Status.FILTERING, 1.0),)
    filtering = replace(RUNNING, status=Status.FILTERING, history=passed)
    refused = replace(filtering, finish_reason=FinishReason.FILTERING)
    phases = {
        prepare: (WAITING, CONFIGURING),
        launch: (LAUNCHED,),
        resume: (RUNNING,),
        filter_outputs: (filtering, replace(filtering, status=Status.PUBLISHING)),
        publish_logs: (PUBLISHING, replace(refused, status=Status.PUBLISHING)),
    }
    for phase, jobs in phases.items():
        assert [first_phase(one) for one in jobs] == [phase] * len(jobs)
