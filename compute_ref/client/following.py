"""Watching a job from afar: a server of this API tells nothing unasked, so it is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from compute_ref.client.client import ComputeClient, Status

INTERVAL: Final = 1.0  # seconds between two looks
FAILED: Final = (31, 32)


@dataclass(frozen=True, slots=True)
class Phase:
    """A status that a run has reached; `at` is Unix seconds, 0 where the server does not say."""

    run: int
    status: int
    text: str
    at: float


def follow(
    client: ComputeClient, job_id: str, *, interval: float = INTERVAL, patience: float | None = None
) -> Iterator[Status]:
    """The job's status objects, one for each look, until it is final.

    Raises TimeoutError after `patience` seconds (None: never), and what `client.status` raises.
    """
    until = None if patience is None else time.monotonic() + patience
    while True:
        job = client.status(job_id)
        yield job
        if is_final(job):
            return
        if until is not None and time.monotonic() + interval > until:
            raise TimeoutError(f"job {job_id} is still at {job.get('statusText')!r}")
        time.sleep(interval)


def phases(job: Status) -> list[Phase]:
    """What the job's current run has passed, the present status last."""
    history: list[dict[str, Any]] = job.get("statusHistory") or []
    if not history:
        return [Phase(1, int(job["status"]), str(job.get("statusText", "")), 0)]
    run = history[-1].get("run", 1)
    return [
        Phase(run, int(one["status"]), str(one["statusText"]), float(one["at"]))
        for one in history
        if one.get("run", 1) == run
    ]


def is_final(job: Status) -> bool:
    """Whether the job has ended."""
    return bool(job.get("dateFinished"))


def succeeded(job: Status) -> bool:
    """Whether it ended well; servers that give no reason are judged by the status and stopreq."""
    reason = job.get("finishReason")
    if reason is not None:
        return bool(reason == "completed")
    return is_final(job) and job.get("status") not in FAILED and not job.get("stopreq")
