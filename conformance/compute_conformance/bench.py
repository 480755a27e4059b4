"""What a check works with: consumers of its own, jobs, waits, and the record of what was said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compute_conformance.budget import Purse
from compute_conformance.consumers import COMPUTE, Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.profile import Profile
from compute_conformance.signing import Account
from compute_conformance.targets import Target
from compute_conformance.verdicts import Failed, Inconclusive, given

FINAL = frozenset({31, 32, 70})
FIRST_PAUSE, LONGEST_PAUSE = 0.002, 0.5  # seconds between two looks at a job


@dataclass
class Started:
    """A job of this bench, and whose it is."""

    consumer: Consumer
    job_id: str
    first: Mapping[str, Any]  #: the status object of the answer to its start


@dataclass
class Bench:
    """One check's own place. Its consumers are fresh, so that no other check sees its jobs."""

    target: Target
    profile: Profile
    purse: Purse
    transcript: list[tuple[Request, Answer]] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)

    def send(self, request: Request) -> Answer:
        """Send within the budget; both sides are put on record."""
        self.purse.pay_request()
        answer = self.target.send(request)
        self.transcript.append((request, answer))
        self.purse.pay_bytes(len(answer.body))
        if request.method == "POST" and request.path == COMPUTE and answer.status in {200, 201}:
            self.purse.pay_job()
        return answer

    def get(self, path: str, **query: Any) -> Answer:
        """An unsigned GET."""
        return self.send(Request("GET", path, query=query))

    def consumer(self) -> Consumer:
        """A consumer whom the target never saw."""
        return Consumer(Account.new(), self.profile, self.send)

    # Jobs

    def start(
        self,
        algorithm: Mapping[str, Any] | None = None,
        *,
        consumer: Consumer | None = None,
        **changes: Any,
    ) -> Started:
        """A job that was accepted; Inconclusive where it was not."""
        consumer = consumer or self.consumer()
        with given("a start that is accepted"):
            return self.accept(consumer.start(algorithm, **changes), consumer)

    def accept(self, answer: Answer, consumer: Consumer) -> Started:
        """The job of an answer that has to say yes; it is deleted in the end."""
        first = answer.job()
        if not isinstance(first.get("jobId"), str):
            raise Failed("a jobId", first)
        started = Started(consumer, first["jobId"], first)
        self.started.append(started)
        return started

    def finished(self, started: Started) -> dict[str, Any]:
        """The job once it is final; Inconclusive where it does not get there in its time."""
        return self.until(started, final, "to end", self.profile.limits.finish)

    def running(self, started: Started) -> dict[str, Any]:
        """The job once its algorithm runs."""

        def there(job: Mapping[str, Any]) -> bool:
            return int(job.get("status", 0)) >= 40 or final(job)

        return self.until(started, there, "to run", self.profile.limits.start)

    def until(
        self,
        started: Started,
        there: Callable[[Mapping[str, Any]], bool],
        what: str,
        seconds: float,
    ) -> dict[str, Any]:
        """The job, asked for unsigned again and again, once `there` is true of it."""
        pause, end = FIRST_PAUSE, time.monotonic() + seconds
        while True:
            with given("a look at a job of one's own"):
                job = started.consumer.status(
                    jobId=started.job_id, consumerAddress=started.consumer.address
                ).job()
            if there(job):
                return job
            if time.monotonic() > end:
                raise Inconclusive(f"a job {what} within {seconds:g} seconds", job)
            threading.Event().wait(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)

    def clean(self) -> list[str]:
        """Delete this bench's jobs; returns the ids of those that stay."""
        return [one.job_id for one in self.started if not self._deleted(one)]

    def _deleted(self, started: Started) -> bool:
        answer = self.target.send(started.consumer.owned_request("DELETE", jobId=started.job_id))
        return answer.status in {200, 404}


def final(job: Mapping[str, Any]) -> bool:
    """Whether a status object says that the job has ended."""
    return job.get("dateFinished") is not None or job.get("status") in FINAL
