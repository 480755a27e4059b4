"""What a check works with: consumers of its own, jobs, waits, and the record of what was said."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from compute_conformance.budget import Purse
from compute_conformance.chance import Chance
from compute_conformance.consumers import COMPUTE, ENVIRONMENTS, Consumer, Send
from compute_conformance.exchanges import Answer, Request, environments_of
from compute_conformance.profile import Profile
from compute_conformance.scripts import Step, stay
from compute_conformance.shelf import Shelf
from compute_conformance.signing import Account
from compute_conformance.stage import Stage
from compute_conformance.targets import Target, Unreachable
from compute_conformance.verdicts import Disabled, Failed, Inconclusive, Late, expect, given
from compute_conformance.waiting import There, asked_until

FINAL = frozenset({31, 32, 70})
T = TypeVar("T")
STAYING = 600  # seconds; nobody waits for them


@dataclass
class Started:
    """A job of this bench, and whose it is."""

    consumer: Consumer
    job_id: str
    first: Mapping[str, Any]  #: the status object of the answer to its start
    stays: bool = False  #: its algorithm runs until it is stopped
    at: float = field(default_factory=time.monotonic)  #: when it was


@dataclass(frozen=True)
class Specimen:
    """A job that ended, with what was seen of it. It is shared: nobody changes it."""

    started: Started
    course: Sequence[Mapping[str, Any]]  #: unsigned, from the first answer about it to its end
    signed: Mapping[str, Any]  #: the final job as its owner sees it
    downloads: dict[int, Answer] = field(default_factory=dict)  #: the first of each result

    @property
    def final(self) -> Mapping[str, Any]:
        """The job as it ended, seen unsigned."""
        return self.course[-1]

    def by(self, send: Send) -> Specimen:
        """The same, for one who sends by `send`."""
        consumer = self.started.consumer.by(send)
        return replace(self, started=replace(self.started, consumer=consumer))


@dataclass
class Bench:
    """One check's own place. Its consumers are fresh, so that no other check sees its jobs."""

    target: Target
    profile: Profile
    purse: Purse
    shelf: Shelf = field(default_factory=Shelf)
    stage: Stage = field(default_factory=Stage)
    transcript: list[tuple[Request, Answer]] = field(default_factory=list)
    started: list[Started] = field(default_factory=list)
    consumers: dict[str, Consumer] = field(default_factory=dict)  #: by lower-case address
    accounts: list[Account] = field(default_factory=list)  #: of all who sign in the transcript
    chance: Chance = field(default_factory=Chance)
    name: str = ""  #: of the check: its accounts are of this name
    numbers: Iterator[int] = field(default_factory=itertools.count)  #: of its accounts

    def send(self, request: Request) -> Answer:
        """Send within the budget; both sides are put on record."""
        if self.profile.read_only and not reads(request):
            raise Disabled(f"{request.method} {request.path}", "the profile is read_only")
        starts = request.method == "POST" and request.path == COMPUTE
        self.purse.pay_request(starts=starts)
        answer = self._answer(request)
        self.transcript.append((request, answer))
        self.purse.pay_bytes(len(answer.body))
        if starts and answer.status in {200, 201}:
            self._note(answer)
        elif starts:
            self.purse.return_job()
        return answer

    def _answer(self, request: Request) -> Answer:
        """The target's; that there was none is put on record as well."""
        try:
            answer = self.target.send(request)
        except Unreachable as error:
            self.transcript.append((request, Answer(request, 0, {}, str(error).encode())))
            self.purse.hear(error)
            raise
        self.purse.hear()
        return answer

    def get(self, path: str, **query: Any) -> Answer:
        """An unsigned GET."""
        return self.send(Request("GET", path, query=query))

    def environments(self) -> list[dict[str, Any]]:
        """Those of the profile's chain; Inconclusive where the target does not tell them."""
        with given("the environments of the chain"):
            told = self.get(ENVIRONMENTS, chainId=self.profile.chain)
            found = environments_of(told, self.profile.chain)
            expect(all(isinstance(one, dict) for one in found), "objects", told)
        return found

    def consumer(self) -> Consumer:
        """A consumer whom the target never saw."""
        made = self.chance.account(self.name, next(self.numbers))
        consumer = Consumer(self.profile.account() or made, self.profile, self.send)
        self.consumers[consumer.address.lower()] = consumer
        self.accounts.append(consumer.account)
        return consumer

    def raw(self, **meta: Any) -> dict[str, Any]:
        """A raw algorithm that does nothing; `meta` is changed so, None takes a member away."""
        changed = {**self.profile.script()["meta"], "rawcode": "echo", **meta}
        return {"meta": {key: value for key, value in changed.items() if value is not None}}

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
        self._keep(started)
        return started

    def staying(self, *steps: Step, consumer: Consumer | None = None, **changes: Any) -> Started:
        """A job whose algorithm has done the steps and runs on until it is stopped.

        Disabled where the environment has no place for it beside those of this check.
        """
        self.stage.hold(1 + sum(one.stays for one in self.started))
        started = self.endless(*steps, consumer=consumer, **changes)
        job = self.running(started)
        if final(job):
            raise Inconclusive("an algorithm that runs until it is stopped", job)
        return started

    def endless(self, *steps: Step, consumer: Consumer | None = None, **changes: Any) -> Started:
        """The same just after its start, wherever it is; it is stopped in the end."""
        algorithm = self.profile.script(*steps, stay(STAYING))
        self.stage.enter()
        started = self.start(algorithm, consumer=consumer, **changes)
        started.stays = True
        return started

    def shared(self, name: str, make: Callable[[Bench], T]) -> T:
        """What `make` gives of a bench of its own: made once in a run, for checks that only look.

        A job costs a target's owner minutes; whoever changes one makes it for themselves.
        """
        if not self.shelf.has(name):  # its maker may need the stage, and others wait for the maker
            self.stage.enter()
        found, bench = self.shelf.take(name, self.apart(), make)
        self.transcript += bench.transcript
        self.accounts += bench.accounts
        return found

    def apart(self) -> Bench:
        """A bench for the same check, with no job, consumer or record of this one's."""
        return replace(self, transcript=[], started=[], consumers={}, accounts=[])

    def specimen(self, *steps: Step) -> Specimen:
        """A job that ended, of an algorithm that did the steps, or of the plain one without any."""

        def make(bench: Bench) -> Specimen:
            started = bench.start(bench.profile.script(*steps) if steps else None)
            course = bench.course(started)
            return Specimen(started, course, bench.signed(started))

        return self.shared(f"specimen {steps}", make).by(self.send)

    def download(self, one: Specimen, index: int = 0) -> Answer:
        """The answer to the first download of a specimen's result, whichever check asked for it.

        Inconclusive where there is none because the whole job has gone: others ask for that.
        """
        with one.started.consumer.turn:
            if index in one.downloads:
                self.transcript.append((one.downloads[index].request, one.downloads[index]))
            else:
                one.downloads[index] = one.started.consumer.result(one.started.job_id, index)
        if one.downloads[index].status == 404:
            self.look(one.started)
        return one.downloads[index]

    def look(self, started: Started) -> dict[str, Any]:
        """The job as it is now, asked for unsigned."""
        with given("a look at a job of one's own"):
            return started.consumer.status(
                jobId=started.job_id, consumerAddress=started.consumer.address
            ).job()

    def signed(self, started: Started) -> dict[str, Any]:
        """The job as it is now, as its owner sees it."""
        with given("a signed look at a job of one's own"):
            return started.consumer.signed_status(started.job_id).job()

    def fetched(self, one: Started | Specimen, index: int) -> bytes:
        """The bytes of a result, downloaded by the job's owner."""
        if isinstance(one, Specimen):
            answer = self.download(one, index)
        else:
            answer = one.consumer.result(one.job_id, index)
        if answer.status != 200:
            raise Inconclusive(f"the download of result {index}", answer)
        return answer.body

    def finished(self, started: Started, *, whole: bool = False) -> dict[str, Any]:
        """The job once it is final; Late where it does not get there. `whole`: as in `until`."""
        return self.until(started, final, "to end", self.profile.limits.finish, whole=whole)

    def held_to(
        self,
        started: Started,
        there: There,
        what: str,
        seconds: float,
    ) -> dict[str, Any]:
        """As `until`, where getting there is what is asked for: Failed after the whole time."""
        try:
            return self.until(started, there, what, seconds, whole=True)
        except Late as late:
            raise Failed(late.expected, late.observed) from late

    def course(self, started: Started) -> list[dict[str, Any]]:
        """All that is seen of a job from its first status object to its end, in this order."""
        seen = [dict(started.first)]

        def there(job: Mapping[str, Any]) -> bool:
            seen.append(dict(job))
            return final(job)

        patience = self.purse.patience("to end", self.profile.limits.finish)
        asked_until(self.purse, lambda: self.look(started), there, "to end", patience)
        return seen

    def running(self, started: Started) -> dict[str, Any]:
        """The job once its algorithm runs."""

        def there(job: Mapping[str, Any]) -> bool:
            return int(job.get("status", 0)) >= 40 or final(job)

        return self.until(started, there, "to run", self.profile.limits.start)

    def until(
        self,
        started: Started,
        there: There,
        what: str,
        seconds: float,
        *,
        whole: bool = False,
    ) -> dict[str, Any]:
        """The job, asked for unsigned again and again, once `there` is true of it.

        Late where that is not so in these seconds; unless `whole`, in fewer of them once such a
        wait was in vain.
        """
        early = started.at + self.purse.soonest(what) - time.monotonic()
        threading.Event().wait(max(0.0, min(early, seconds)))
        patience = seconds if whole else self.purse.patience(what, seconds)
        job = asked_until(self.purse, lambda: self.look(started), there, what, patience)
        self.purse.seen(what, time.monotonic() - started.at)
        return job

    def clean(self) -> list[str]:
        """Delete its jobs; returns the ids of those that stay; Unreachable if it is given up."""
        for one in [*self.started]:
            if self.purse.lost:
                raise Unreachable(self.purse.lost)
            if self._deleted(one):
                self.started.remove(one)
        return [one.job_id for one in self.started]

    def _note(self, answer: Answer) -> None:
        """Keep in mind what a start made, also one that had to be refused."""
        with suppress(Failed):
            for job in answer.jobs():
                consumer = self.consumers.get(str(job.get("owner")).lower())
                if consumer and isinstance(job.get("jobId"), str):
                    self._keep(Started(consumer, job["jobId"], job))

    def _keep(self, started: Started) -> None:
        """Keep a job in mind once, as it was made last; what stays does so in its next run."""
        started.stays |= any(one.stays for one in self.started if one.job_id == started.job_id)
        self.started[:] = [one for one in self.started if one.job_id != started.job_id]
        self.started.append(started)

    def _deleted(self, started: Started) -> bool:
        """Delete one, past the budget and the record: to clean up, it is always allowed to ask."""
        consumer = started.consumer.by(self.target.send)
        if started.stays:  # where a delete does nothing it would keep its place
            consumer.stop(jobId=started.job_id)
        return consumer.delete(jobId=started.job_id).status in {200, 404}


def reads(request: Request) -> bool:
    """Whether a request changes nothing at a target, not even what it knows of nonces."""
    return request.method in {"GET", "HEAD", "OPTIONS"} and "signature" not in request.query


def final(job: Mapping[str, Any]) -> bool:
    """Whether a status object says that the job has ended."""
    return job.get("dateFinished") is not None or job.get("status") in FINAL
