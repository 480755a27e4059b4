"""Which jobs get their places back first after a restart of the server."""

from __future__ import annotations

from dataclasses import replace

from compute_ref.jobs.model import Status
from compute_ref.jobs.reconcile import in_order, under_way
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
