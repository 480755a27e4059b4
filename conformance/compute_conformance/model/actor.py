"""Runs programs against a target, and compares each answer with the model."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from compute_conformance.bench import STAYING, Bench
from compute_conformance.consumers import Consumer
from compute_conformance.exchanges import Answer, Request
from compute_conformance.model import freely, others, own
from compute_conformance.model.answers import YES
from compute_conformance.model.known import Known, Lost, Model, Spent, nonce_of
from compute_conformance.model.programs import ACCOUNTS, Program, Step
from compute_conformance.requirements import Access
from compute_conformance.scripts import stay
from compute_conformance.verdicts import Disabled, given

#: Index and nonce are signed without a separator: index 1 and nonce 3 are what a delete with nonce
#: 13 signs, and a server may refuse that. Nonces of one length never read so.
BEFORE: Final = 1_000_000


class Actor:
    """One program at work, with accounts of its own."""

    def __init__(self, bench: Bench, forgiven: frozenset[str], *, restarts: bool) -> None:
        self.bench, self.model, self.restarts = bench, Model(forgiven), restarts
        self.consumers = [bench.consumer() for _ in range(ACCOUNTS)]
        for consumer in self.consumers:
            consumer.nonce = BEFORE
        self.staying = staying(bench)

    def run(self, program: Program) -> None:
        """All steps as far as they can go, and a look at everything in the end; raises Broken."""
        with suppress(Lost):
            for step in program.steps:
                self._act(step)
            for account in range(ACCOUNTS):
                self.look_at(account)

    def _act(self, step: Step) -> None:
        if step.action in freely.ACTIONS:
            freely.ACTIONS[step.action](self, step, self.consumers[step.account])
            self.look_at(step.account)
        elif self.model.jobs:
            one = self.model.touch(step.job)
            if step.action in others.ACTIONS:
                other = (one.owner + 1 + step.account % (ACCOUNTS - 1)) % ACCOUNTS
                others.ACTIONS[step.action](self, step, one, other)
                self.look_at(other)
            else:
                own.ACTIONS[step.action](self, step, one, self.consumers[one.owner])
            self.look_at(one.owner)

    def look_at(self, account: int) -> None:
        """Compare the whole list of an account."""
        answer = self.consumers[account].status(consumerAddress=self.consumers[account].address)
        nothing = answer.status == 404 and not self.model.of(account)
        with given("a list of an account's jobs"):
            shown = [] if nothing else answer.jobs()
        self.model.see_list(account, shown)

    @property
    def room(self) -> bool:
        """Whether one more job may stay: those that have to end need a place as well."""
        return self.bench.stage.room(sum(one.keeps_place for one in self.model.jobs))

    def repeat(self, one: Known, consumer: Consumer) -> Request:
        """A start that says of a job what its own said, with its jobId."""
        said = {**one.said, "dataset": self.bench.profile.dataset("open")}
        return consumer.start_request(**said, jobId=one.id)

    def spend(self, account: int, request: Request, *jobs: str) -> None:
        """A signed call about these jobs was accepted."""
        self.model.nonces[account] = self.model.highest[account] = nonce_of(request)
        self.model.spent.append(Spent(account, request, jobs))

    def maybe_spend(self, account: int, request: Request, answer: Answer) -> None:
        """A signed call found nothing: where that is no refusal, it may have used up its nonce."""
        if answer.status in YES:
            self.model.highest[account] = nonce_of(request)


def staying(bench: Bench) -> dict[str, Any] | None:
    """An algorithm that runs until it is stopped; None where there is none, or no room for it."""
    try:
        allowed = bench.profile.access >= Access.ALGORITHM and bench.stage.room(0)
        return bench.profile.script(stay(STAYING)) if allowed else None
    except Disabled:
        return None
