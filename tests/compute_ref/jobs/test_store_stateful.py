"""The store against a plain model, with crashes, failures and power cuts between any two calls."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from compute_ref.assets.plan import Plan
from compute_ref.jobs.index import JobFilter
from compute_ref.jobs.ledger import SPARE
from compute_ref.jobs.model import Job, Status, StopRequest
from compute_ref.jobs.store import Store
from compute_ref.refusals import JobUnknown, NonceUsed, Refused
from tests.compute_ref.jobs.builders import job, plan
from tests.compute_ref.jobs.crashing import Crashing
from tests.compute_ref.jobs.fallible import FallibleDisk
from tests.compute_ref.jobs.modelled import (
    LIMITS,
    ORDERS,
    OWNERS,
    Model,
    Numbered,
    Trouble,
    claims,
    final,
    names,
    observed,
    plans,
    shown,
    sure_claims,
    troubles,
)


class StoreMachine(Crashing):
    """The store's calls, in any order."""

    @initialize()
    def open(self) -> None:
        self.disk = FallibleDisk()
        self.store = self.opened()
        for status in (Status.COMPLETED, Status.RUNNING, Status.DATA_FAILED):
            self.accept("0xA", plan("0x1"), None, Trouble())
            self.change(0, status, "", True, Trouble())

    # Rules

    @rule(owner=st.sampled_from(OWNERS), plan=plans, numbered=claims, trouble=troubles)
    def accept(self, owner: str, plan: Plan, numbered: Numbered | None, trouble: Trouble) -> None:
        self.clock.advance(1)
        self.accepted += 1
        name, order = f"j{self.accepted}", plan.orders[0].transaction
        claim = self.claimed(numbered)
        one = job(name, owner, order, created=self.clock.now())

        def expected(model: Model) -> None:
            model.spend(claim)
            model.begin(one, plan)

        self.step(expected, lambda store: store.accept(one, plan, claim, LIMITS), trouble)

    @rule(
        number=names,
        stranger=st.sampled_from(["", "", "", *OWNERS]),
        plan=plans,
        numbered=claims,
        trouble=troubles,
    )
    def restart(
        self, number: int, stranger: str, plan: Plan, numbered: Numbered | None, trouble: Trouble
    ) -> None:
        self.clock.advance(1)
        name, now, claim = self.named(number, final), self.clock.now(), self.claimed(numbered)
        known = self.model.jobs.get(name)
        owner = stranger or (known.owner if known else "0xA")

        def expected(model: Model) -> None:
            one = model.get(name)
            if one.owner != owner:
                raise JobUnknown
            model.spend(claim)
            if not one.final:
                raise Refused("not_final")
            model.begin(one.run_again(now, plan.orders[0].transaction), plan)

        self.step(expected, lambda store: store.restart(name, owner, plan, claim, LIMITS), trouble)

    @rule(
        number=names,
        status=st.sampled_from([Status.RUNNING, Status.COMPLETED, Status.COMPLETED]),
        message=st.sampled_from(["", "x" * 600]),
        sync=st.booleans(),
        trouble=troubles,
    )
    def change(
        self, number: int, status: Status, message: str, sync: bool, trouble: Trouble
    ) -> None:
        name, now = self.named(number, shown), self.clock.now()

        def changed(one: Job) -> Job:
            one = replace(one, finish_message=message)
            return one if one.final or status < one.status else one.entered(status, now)

        def expected(model: Model) -> None:
            model.jobs[name] = changed(model.get(name, deleting=True))

        self.step(
            expected, lambda store: store.change(name, changed, sync=sync), trouble, durable=sync
        )

    @rule(numbers=st.lists(names, max_size=2, unique=True), numbered=claims, trouble=troubles)
    def ask_stop(self, numbers: list[int], numbered: Numbered | None, trouble: Trouble) -> None:
        chosen = sorted({self.named(number, shown) for number in numbers})
        claim = self.claimed(numbered)

        def expected(model: Model) -> None:
            model.spend(claim)
            for name in chosen:
                model.jobs[name] = model.get(name).stop_asked(StopRequest.ASKED)

        self.step(expected, lambda store: store.ask_stop(chosen, claim), trouble)

    @rule(numbers=st.lists(names, max_size=2, unique=True), numbered=claims, trouble=troubles)
    def ask_delete(self, numbers: list[int], numbered: Numbered | None, trouble: Trouble) -> None:
        chosen = sorted({self.named(number, shown) for number in numbers})
        claim = self.claimed(numbered)

        def expected(model: Model) -> None:
            model.spend(claim)
            for name in chosen:
                model.jobs[name] = replace(model.get(name), deleting=True)

        self.step(expected, lambda store: store.ask_delete(chosen, claim), trouble)

    @rule(number=names, trouble=troubles)
    def remove(self, number: int, trouble: Trouble) -> None:
        name = self.named(number, lambda one: one.deleting)

        def expected(model: Model) -> None:
            model.jobs.pop(name, None)
            model.plans.pop(name, None)
            model.messages = {key: one for key, one in model.messages.items() if one != name}

        self.step(expected, lambda store: store.remove(name), trouble)

    @rule(
        number=names,
        digest=st.sampled_from(["aa", "bb"]),
        keep=st.booleans(),
        numbered=sure_claims,
        trouble=troubles,
    )
    def consume(
        self, number: int, digest: str, keep: bool, numbered: Numbered, trouble: Trouble
    ) -> None:
        name, claim = self.named(number, shown), self.surely_claimed(numbered)

        def expected(model: Model) -> None:
            model.spend(claim)
            model.get(name)
            if digest in model.messages:
                raise NonceUsed
            if keep:
                model.messages[digest] = name

        self.step(expected, lambda store: store.consume(claim, name, digest, keep=keep), trouble)

    @rule(token=st.sampled_from("tu"), numbered=sure_claims, trouble=troubles)
    def revoke(self, token: str, numbered: Numbered, trouble: Trouble) -> None:
        expires, claim = self.clock.now() + 2 - SPARE, self.surely_claimed(numbered)

        def expected(model: Model) -> None:
            model.spend(claim)
            model.tokens[token] = expires

        self.step(expected, lambda store: store.revoke(token, expires, claim), trouble)

    @rule(token=st.sampled_from("tu"), numbered=sure_claims, trouble=troubles)
    def restore(self, token: str, numbered: Numbered, trouble: Trouble) -> None:
        claim = self.surely_claimed(numbered)

        def expected(model: Model) -> None:
            model.spend(claim)
            model.tokens.pop(token, None)

        self.step(expected, lambda store: store.restore(token, claim), trouble)

    @rule(trouble=troubles)
    def compact(self, trouble: Trouble) -> None:
        """A compaction, with a checkpoint after it."""
        self.step(lambda model: None, lambda store: store.compact(), trouble)

    @rule(trouble=troubles)
    def close_and_open(self, trouble: Trouble) -> None:
        """A checkpoint, the end of the server, and the start of the next."""

        def reopen(store: Store) -> None:
            store.close()
            self.store = self.opened()

        durable = trouble.kind != "failure"
        self.step(self.forget_tokens, reopen, trouble, durable=durable)
        if trouble.failed:
            self.restart_after_failure()

    @rule(trouble=troubles)
    def kill(self, trouble: Trouble) -> None:
        """The end of the process at once, and the start of the next server."""
        former, self.disk = self.store, self.disk.as_seen()
        former.close()

        def reopen(store: Store) -> None:
            self.store = self.opened()

        self.step(self.forget_tokens, reopen, trouble)

    # What always holds

    @invariant()
    def the_store_is_as_the_model(self) -> None:
        if hasattr(self, "store"):
            assert observed(self.store) == self.model

    @invariant()
    def what_is_found_is_what_a_look_at_every_job_finds(self) -> None:
        if not hasattr(self, "store"):
            return
        jobs = sorted(self.model.jobs.values(), key=lambda one: one.created, reverse=True)
        found = [one for one in jobs if shown(one)]
        assert self.store.find(JobFilter()) == found
        for owner in OWNERS:
            theirs = [one for one in found if one.owner == owner]
            assert self.store.find(JobFilter(owner=owner)) == theirs
        for order in ORDERS:
            paid = [one for one in found if one.agreement_id == order]
            assert self.store.find(JobFilter(agreement_id=order)) == paid
        unfinished = {one.job_id for one in jobs if one.deleting or not one.final}
        assert {one.job_id for one in self.store.unfinished()} == unfinished


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    derandomize=True, deadline=None, max_examples=80, stateful_step_count=25
)
