"""Servers whose jobs go or end wrongly."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import webob

from compute_ref.http import compute
from compute_ref.jobs import publishing, running
from compute_ref.jobs.endings import Ending, of_exit
from compute_ref.jobs.mailbox import Left
from compute_ref.jobs.model import Job, Result, ResultType
from compute_ref.jobs.turn import Turn
from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Exit
from compute_ref.refusals import ResultUnknown
from tests.conformance.defects.defect import Kind, Wrong, defect
from tests.conformance.defects.makers import shows

FINAL = {31, 32, 70}

shows("life-reason-early", "CE-LIFE-REASON", lambda job: job.update(finishReason="completed"))
shows(
    "life-reason-never",
    "CE-LIFE-REASON",
    lambda job: job.update(finishReason=None),
    calls=2,
)
shows(
    "life-history-newest-first",
    "CE-LIFE-HISTORY",
    lambda job: job["statusHistory"].reverse(),
    calls=2,
)
shows(
    "life-history-without-end",
    "CE-LIFE-HISTORY",
    lambda job: job.update(statusHistory=job["statusHistory"][:-1] or job["statusHistory"]),
    calls=2,
)


def looks(change: Callable[[int, dict[str, Any]], None], wrong: Wrong) -> None:
    """Change each unsigned look at a final job; `change` is told its number, from 1."""
    seen: Counter[str] = Counter()

    def of_each(request: webob.Request, job: dict[str, Any]) -> None:
        unsigned = request.method == "GET" and "signature" not in request.GET
        if unsigned and "jobId" in request.GET and job["status"] in FINAL:
            seen[job["jobId"]] += 1
            change(seen[job["jobId"]], job)

    wrong.jobs(of_each)


@defect("life-without-end", "CE-LIFE-ENDS", calls=2)
def without_end(wrong: Wrong) -> None:
    wrong.patch(publishing, "end", lambda turn, **_: None)


def settled(job: dict[str, Any]) -> None:
    """A code that another project has."""
    if job["status"] == 70:
        job.update(status=71, statusText="Job settled")


shows("life-code-of-its-own", "CE-LIFE-CODES", settled, calls=2)
shows(
    "life-completed-as-failed",
    "CE-LIFE-COMPLETED",
    lambda job: (
        job["status"] == 70 and job.update(status=32, statusText="Algorithm provisioning failed")
    ),
    calls=2,
)
shows(
    "life-running-as-filtering",
    "CE-LIFE-RUNNING",
    lambda job: job["status"] == 40 and job.update(status=50, statusText="Filtering results"),
    calls=2,
)
shows(
    "life-reason-one-for-all",
    "CE-LIFE-FAILED-TOLD",
    lambda job: job["finishReason"] and job.update(finishReason="completed"),
    calls=4,
)
shows(
    "life-exit-code-zero",
    "CE-LIFE-EXIT-CODE",
    lambda job: "algorithmExitCode" in job and job.update(algorithmExitCode=0),
    calls=3,
)
shows(
    "life-end-is-now",
    "CE-LIFE-FINAL-KEPT",
    lambda job: job["dateFinished"] and job.update(dateFinished=f"{time.time():.6f}"),
    calls=4,
)


@defect("life-back-to-publishing", "CE-LIFE-GROWS", calls=4)
def back_to_publishing(wrong: Wrong) -> None:
    def change(number: int, job: dict[str, Any]) -> None:
        if number > 1:
            job.update(status=60, statusText="Publishing results", dateFinished=None)

    looks(change, wrong)


@defect("life-date-a-moment-late", "CE-LIFE-FINISHED", calls=2)
def date_a_moment_late(wrong: Wrong) -> None:
    def change(number: int, job: dict[str, Any]) -> None:
        if number == 1:
            job["dateFinished"] = None

    looks(change, wrong)


@defect("life-without-log", "CE-LIFE-LOG", calls=2)
def without_log(wrong: Wrong) -> None:
    usual = publishing._stored

    def stored(turn: Turn, outputs: tuple[Result, ...]) -> tuple[Result, ...]:
        return tuple(r for r in usual(turn, outputs) if r.type is not ResultType.ALGORITHM_LOG)

    wrong.patch(publishing, "_stored", stored)


@defect("life-logs-for-operators", "CE-LIFE-LOG-FETCHED", calls=3)
def logs_for_operators(wrong: Wrong) -> None:
    usual = Workspaces.open_result

    def opened(self: Workspaces, job: Job, index: int) -> BinaryIO:
        if job.results[index].type is not ResultType.OUTPUT:
            raise ResultUnknown("Logs are for the operator.")
        return usual(self, job, index)

    wrong.patch(Workspaces, "open_result", opened)


@defect("life-failure-without-end", "CE-LIFE-FAILED-ENDS", calls=2)
def failure_without_end(wrong: Wrong) -> None:
    def ending(end: Exit) -> Ending:
        if end.code:
            raise Left
        return of_exit(end)

    wrong.patch(running, "of_exit", ending)


@defect("life-failure-says-nothing", "CE-LIFE-FAILED-LOG", calls=3)
def failure_says_nothing(wrong: Wrong) -> None:
    usual = publishing._stored

    def stored(turn: Turn, outputs: tuple[Result, ...]) -> tuple[Result, ...]:
        if turn.job.exit_code:
            Path(turn.folders.logs / "algorithm.log").unlink(missing_ok=True)
        return usual(turn, outputs)

    wrong.patch(publishing, "_stored", stored)


@defect("life-owner-in-a-global", "CE-LIFE-PARALLEL", kind=Kind.SECURITY, calls=20)
def owner_in_a_global(wrong: Wrong) -> None:
    made, others = compute.new_job, threading.Event()
    current: list[str] = []

    def mixed(plan: Any, owner: str, now: float) -> Job:
        current[:] = [owner]
        others.wait(0.005)  # what an honest server does meanwhile; nobody ever sets it
        return replace(made(plan, owner, now), owner=current[0])

    wrong.patch(compute, "new_job", mixed)
