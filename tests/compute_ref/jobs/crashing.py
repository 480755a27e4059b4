"""A store beside a plain model of it, kept alike through failures, kills and power cuts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis.stateful import RuleBasedStateMachine

from compute_ref.identity.nonces import NonceClaim
from compute_ref.jobs import folder
from compute_ref.jobs.ledger import SPARE
from compute_ref.jobs.model import Job
from compute_ref.jobs.store import Store
from compute_ref.refusals import JobUnknown, NonceUsed, QueueFull, Refused, StoreUnavailable
from compute_ref.testing.clock import MovedClock
from tests.compute_ref.jobs.fallible import FallibleDisk, nothing_happens
from tests.compute_ref.jobs.modelled import Model, Numbered, Trouble, observed


class Crashing(RuleBasedStateMachine):
    """`states` are the models after each step; `promised` is the last that is durable for sure.

    After a power cut the store is one of these, from the promised one on; it goes on from there.
    """

    disk: FallibleDisk
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(folder, "WORTH_A_LAST_ONE", 0)  # a checkpoint at each end
        self.clock = MovedClock()
        self.states = [Model()]
        self.promised = 0
        self.accepted = 0

    def teardown(self) -> None:
        self.store.close()
        self.patch.undo()
        self.folder.cleanup()

    @property
    def model(self) -> Model:
        return self.states[-1]

    def opened(self) -> Store:
        return Store.open(Path(self.folder.name), self.clock, disk=self.disk)

    def forget_tokens(self, model: Model) -> None:
        """What each start does."""
        since = self.clock.now() - SPARE
        model.tokens = {name: expires for name, expires in model.tokens.items() if expires >= since}

    def named(self, number: int, wanted: Callable[[Job], bool]) -> str:
        """One of the wanted jobs, the latest for 0; any job or none where there are not so many."""
        names = [one.job_id for one in self.model.jobs.values() if wanted(one)]
        return names[-1 - number] if number < len(names) else f"j{max(0, self.accepted - number)}"

    def claimed(self, claim: Numbered | None) -> NonceClaim | None:
        return None if claim is None else self.surely_claimed(claim)

    def surely_claimed(self, claim: Numbered) -> NonceClaim:
        address, above = claim
        return NonceClaim(address, str(int(self.model.nonces.get(address, 0)) + above))

    # Steps

    def step(
        self,
        expected: Callable[[Model], object],
        done: Callable[[Store], object],
        trouble: Trouble,
        *,
        durable: bool = True,
    ) -> bool:
        """Do something with the model and the store, in some trouble; whether it was accepted."""
        after, refusal = self.model.copy(), None
        try:
            expected(after)
        except (JobUnknown, NonceUsed, QueueFull, Refused) as refused:
            refusal = refused
            after = self.model.copy()
        before, said = self.promised, self.attempt(done, trouble)
        if trouble.failed and isinstance(said, StoreUnavailable | OSError):
            self.states.append(after)  # it may have been kept, or not
            self.restart_after_failure()
            return False
        assert type(said) is type(refusal), (said, refusal)
        self.states.append(after)
        if durable and refusal is None:
            self.promised = len(self.states) - 1
        if trouble.kind == "power cut":
            self.go_on_after_power_cut(trouble, before)
        return refusal is None

    def attempt(self, done: Callable[[Store], object], trouble: Trouble) -> Exception | None:
        trouble.begin(self.disk)
        try:
            done(self.store)
        except (JobUnknown, NonceUsed, QueueFull, Refused, StoreUnavailable, OSError) as said:
            return said
        finally:
            self.disk.on_call = nothing_happens
        return None

    def go_on_after_power_cut(self, trouble: Trouble, promised: int) -> None:
        """Go on with what a power cut left; it came after the step if that made fewer calls."""
        if trouble.left is None:
            trouble.cut()
            promised = self.promised
        assert trouble.left is not None
        self.begin_anew(trouble.left, self.states[promised:])

    def restart_after_failure(self) -> None:
        """Kill the server and start another."""
        self.begin_anew(
            self.disk.as_seen(), self.states[max(self.promised, len(self.states) - 2) :]
        )

    def begin_anew(self, disk: FallibleDisk, possible: list[Model]) -> None:
        self.store.close()  # of the old disk, which nobody looks at any more
        self.disk = disk
        self.store = self.opened()
        found = observed(self.store)
        for one in possible:
            self.forget_tokens(one)
        assert found in possible
        self.states, self.promised = [found], 0
