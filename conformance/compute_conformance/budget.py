"""What a run may cost: nothing is sent once it is used up."""

from __future__ import annotations

import threading
import time

from compute_conformance.chance import Dose
from compute_conformance.profile import Budget
from compute_conformance.verdicts import Inconclusive

SOBERED = 0.02  # of the patience, once a wait was in vain
SILENCE = 6  # requests in a row that had no answer, after which the target is given up


class Purse:
    """The rest of a budget, shared by all checks of a run."""

    def __init__(self, budget: Budget, dose: Dose) -> None:
        self._budget, self._lock = budget, threading.Lock()
        self._jobs = dose.jobs if budget.jobs is None else budget.jobs
        seconds = dose.total if budget.seconds is None else budget.seconds
        self._end = time.monotonic() + seconds
        self._next = 0.0
        self._vain: set[str] = set()
        self._quickest: dict[str, float] = {}
        self.jobs = self.bytes = self.requests = 0
        self.closed = ""  #: why nothing more is sent
        self.short = ""  #: what of the budget was too little
        self._unheard = 0
        self._abandoned = False

    def close(self, why: str) -> None:
        """Let nothing more be sent by checks."""
        self.closed = self.closed or why

    def abandon(self) -> None:
        """Let nothing more be sent, not even to clean up."""
        self._abandoned = True
        self.closed = f"{self.closed} The clean-up was interrupted: jobs may be left.".strip()

    @property
    def lost(self) -> str:
        """Why jobs are no longer deleted, or ""."""
        if self._abandoned:
            return "perhaps: the clean-up was interrupted"
        return "the target fell silent" if self.silent else ""

    @property
    def silent(self) -> bool:
        """Whether the target has fallen silent."""
        return self._unheard >= SILENCE

    def hear(self, error: Exception | None = None) -> None:
        """A request had an answer, or `error` instead; a target that fell silent is given up."""
        self._unheard = 0 if error is None else self._unheard + 1
        if self.silent:
            self.close(f"The target gave no answer any more ({error}).")

    def pay_request(self, *, starts: bool = False) -> None:
        """Wait for one's turn; Inconclusive where seconds or bytes are used up.

        A request that may start a job pays for one before, and there has to be one left.
        """
        if self.closed:
            raise Inconclusive("a run that goes on", self.closed)
        with self._lock:
            self._look(starts)
            self.requests += 1
            self.jobs += starts
            pause = self._turn()
        if pause > 0:
            threading.Event().wait(pause)

    def pay_bytes(self, count: int) -> None:
        """So many bytes were received."""
        with self._lock:
            self.bytes += count

    def return_job(self) -> None:
        """A job that was paid for was not started."""
        with self._lock:
            self.jobs -= 1

    def patience(self, what: str, seconds: float) -> float:
        """How long to wait for `what`: `seconds`, and little once that was in vain.

        A target whose jobs never end would otherwise cost the whole wait in every check.
        """
        return seconds * SOBERED if what in self._vain else seconds

    def disappoint(self, what: str) -> None:
        """A wait for `what` was in vain."""
        self._vain.add(what)

    def soonest(self, what: str) -> float:
        """When to look for the first time, in seconds since the start of a job.

        That is half of the least in which one was seen there. Who waits for all of it never learns
        that jobs are there sooner.
        """
        return self._quickest.get(what, 0.0) / 2

    def seen(self, what: str, seconds: float) -> None:
        """A job was there so long after its start."""
        self._quickest[what] = min(seconds, self._quickest.get(what, seconds))

    def _look(self, starts: bool) -> None:
        for name, wanted, spent, most in (
            ("jobs", starts, self.jobs, self._jobs),
            ("bytes", True, self.bytes, self._budget.bytes),
            ("seconds", True, time.monotonic(), self._end),
        ):
            if wanted and spent >= most:
                self.short = self.short or f"The budget's {name} were used up."
                raise Inconclusive(f"no more {name} than the budget has", self.short)

    def _turn(self) -> float:
        rate = self._budget.requests_per_second
        if not rate:
            return 0
        now = time.monotonic()
        self._next = max(now, self._next) + 1 / rate
        return self._next - now - 1 / rate
