"""What is known of the accounts and jobs of a program, and what may be seen of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from compute_conformance.bench import Started, final
from compute_conformance.exchanges import Request
from compute_conformance.verdicts import Failed

KEPT: Final = ("jobId", "documentId", "environment", "algoDID", "dateCreated")


def as_ended(job: Mapping[str, Any]) -> tuple[Any, ...]:
    """What stays of a job that has ended; its owner may be shown more of each result."""
    results = [(one.get("filename"), one.get("filesize")) for one in job.get("results") or ()]
    return job.get("status"), job.get("dateFinished"), results


class Lost(Exception):
    """A program cannot go on: nobody knows what was done where an answer was forgiven."""


class Broken(Failed):
    """A requirement of the model that an answer breaks."""

    def __init__(self, requirement: str, expected: str, observed: object) -> None:
        super().__init__(expected, observed)
        self.requirement = requirement


@dataclass
class Known:
    """A job, as far as its owner's acts decide what may be seen of it."""

    started: Started
    owner: int
    said: Mapping[str, Any]  #: what its start said, for a restart
    stays: bool
    last: Mapping[str, Any]
    run: int = 1
    stopped: bool = False  #: a stop of this run was accepted
    deleted: bool = False
    content: dict[int, bytes] = field(default_factory=dict)  #: of this run's results, as fetched

    @property
    def id(self) -> str:
        """Its jobId."""
        return self.started.job_id

    @property
    def ended(self) -> bool:
        """Whether it was seen to have ended."""
        return final(self.last)

    @property
    def runs_on(self) -> bool:
        """Whether it cannot have ended."""
        return self.stays and not self.stopped and not self.deleted

    @property
    def keeps_place(self) -> bool:
        """Whether it stays and may still have its place, also while a stop is carried out."""
        return self.stays and not self.ended and not self.deleted

    @property
    def settled(self) -> bool:
        """Whether its state is known: nothing changes it but its owner."""
        return self.ended or self.runs_on or self.deleted

    def again(self, first: Mapping[str, Any]) -> None:
        """A further run begins."""
        self.run, self.last, self.stopped = self.run + 1, first, False
        self.content.clear()


def nonce_of(request: Request) -> Decimal:
    """The nonce of a signed call."""
    told = request.query if request.json is None else request.json
    return Decimal(str(told["nonce"]))


@dataclass
class Spent:
    """A signed call that was accepted, and whose it was."""

    account: int
    request: Request
    jobs: tuple[str, ...]


@dataclass
class Model:
    """All accounts and jobs of a program; `forgiven` are requirements known to be broken."""

    forgiven: frozenset[str]
    jobs: list[Known] = field(default_factory=list)
    spent: list[Spent] = field(default_factory=list)
    nonces: dict[int, Decimal] = field(default_factory=dict)  #: the last accepted of each account
    highest: dict[int, Decimal] = field(default_factory=dict)  #: what may be used up as well

    def hold(self, requirement: str, holds: object, expected: str, observed: object) -> bool:
        """Raise Broken unless it holds or is forgiven; whether it holds."""
        if not holds and requirement not in self.forgiven:
            raise Broken(requirement, expected, observed)
        return bool(holds)

    def act(self, requirement: str, holds: object, expected: str, observed: object) -> None:
        """Raise Broken unless an act was accepted; Lost where that is forgiven."""
        if not self.hold(requirement, holds, expected, observed):
            raise Lost

    def touch(self, at: int) -> Known:
        """The job that was touched so many jobs ago; it is the last touched now."""
        one = self.jobs.pop(-1 - at % len(self.jobs))
        self.jobs.append(one)
        return one

    def known(self, job_id: object) -> Known | None:
        """The job of this id."""
        return next((one for one in self.jobs if one.id == job_id), None)

    def of(self, account: int) -> list[Known]:
        """The jobs that an account has."""
        return [one for one in self.jobs if one.owner == account and not one.deleted]

    def see_list(self, account: int, shown: list[dict[str, Any]]) -> None:
        """Hold a list of an account's jobs to what is known."""
        for job in shown:
            self._expected_there(account, job)
        ids = [job.get("jobId") for job in shown]
        for one in self.of(account):
            told = f"the job {one.id} of account {account}, once"
            if not self.hold("CE-MODEL-KEPT", one.id in ids, told, ids):
                one.deleted = True  # forgiven
            self.hold("CE-MODEL-INVENTED", ids.count(one.id) < 2, told, ids)

    def _expected_there(self, account: int, job: dict[str, Any]) -> None:
        one = self.known(job.get("jobId"))
        if one is None:
            self.hold("CE-MODEL-INVENTED", False, "no job that nobody started", job)
        elif one.owner != account:
            self.hold("CE-MODEL-OTHERS", False, f"no job of account {one.owner}", job)
        elif one.deleted:
            self.hold("CE-MODEL-DELETED", False, "no job that was deleted", job)
        else:
            self.see(one, job)

    def see(self, one: Known, job: Mapping[str, Any]) -> None:
        """Hold a status object to what was seen of its job before."""
        hold, before = self.hold, one.last
        owner = one.started.consumer.address
        hold("CE-MODEL-OTHERS", one.started.consumer.owns(job), f"the owner {owner}", job)
        changed = {key for key in KEPT if job.get(key) != one.started.first.get(key)}
        hold("CE-MODEL-SAME", not changed, f"the {', '.join(changed)} of the start", job)
        grows = int(job.get("status", 0)) >= int(before.get("status", 0))
        hold("CE-MODEL-GROWS", grows, f"status {before.get('status')} or above", job)
        if final(before):
            ended = as_ended(before)
            hold("CE-MODEL-FINAL", as_ended(job) == ended, f"the job as it ended, {ended}", job)
        if one.runs_on:
            hold("CE-MODEL-RUNS-ON", not final(job), "a job that runs on", job)
        self._see_stop(one, job)
        one.last = dict(job)

    def _see_stop(self, one: Known, job: Mapping[str, Any]) -> None:
        if not one.stopped:
            asked = job.get("stopreq", 0) in {0, None}
            self.hold("CE-MODEL-STOPREQ", asked, "stopreq 0 without a stop", job)
