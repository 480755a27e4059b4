"""Seeing one run to its end: its beginning, its log, its limits, and how it ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from compute_ref.plugins import BackendUnavailable, Exit, ExitReason
from compute_ref_kubernetes.bounds import Bounds
from compute_ref_kubernetes.cluster import Cluster
from compute_ref_kubernetes.control import Place
from compute_ref_kubernetes.endings import Sight, exit_of
from compute_ref_kubernetes.following import Follower
from compute_ref_kubernetes.labels import limits_of
from compute_ref_kubernetes.logfile import LogFile
from compute_ref_kubernetes.observing import Closed, Observed
from compute_ref_kubernetes.ordering import GRACE, Order
from compute_ref_kubernetes.pods import Object, Pod
from compute_ref_kubernetes.waiting import Trouble, hindrance, image_trouble

NEVER: Final = 2**63  #: changes, more than there will be
RETRY: Final = 2.0  #: seconds before a cluster that did not answer is asked again
LATE: Final = "The algorithm did not begin within {} seconds: {}"

logger = logging.getLogger("compute_ref.kubernetes")


class Keeper:
    """A thread that sees one run through, from the moment at which it has a Job.

    It waits for what the cluster tells. `begun` is set once the algorithm was begun, or never
    will be; `settled` once the run is over and that is on record, or nobody keeps it any more.
    """

    def __init__(
        self, cluster: Cluster, observed: Observed, job: str, place: Place, patience: float
    ) -> None:
        self.begun = threading.Event()
        self.settled = threading.Event()
        self._cluster = cluster
        self._observed = observed
        self._job = job
        self._place = place
        self._patience = patience
        self._late_at = time.monotonic() + patience
        self._order = Order(cluster, job, place.control)
        self._bounds: Bounds | None = None
        self._follower: Follower | None = None
        self._end: Exit | Exception | None = None
        threading.Thread(target=self._work, name=f"keep {job}", daemon=True).start()

    def wait(self, seconds: float | None) -> Exit | None:
        """How the run ended, or None where it has not after `seconds`."""
        self.settled.wait(seconds)
        if isinstance(self._end, Exception):
            raise self._end
        return self._end

    def end(self, cause: Exit, grace: float) -> None:
        """Have the run ended for a reason of ours."""
        self._order.give(cause, grace)
        self._observed.wake(self._job)

    def _work(self) -> None:
        try:
            self._settle(self._see_through())
        except Closed as closed:
            self._end = closed
            if self._follower is not None:
                self._follower.close()
        except Exception as fault:  # whoever waits is told
            logger.exception("the run %s is not kept any more", self._job)
            self._end = fault
        finally:
            self.begun.set()
            self.settled.set()

    def _see_through(self) -> Exit:
        self._observed.begin(self._job)
        while True:
            changes = NEVER
            pause: float | None = RETRY
            try:
                sight, changes = self._observed.sight(self._job)
                end = self._ended(sight)
                if end is not None:
                    return end
                pause = self._tend(sight, _now())
            except BackendUnavailable as away:
                logger.warning("run %s: %s", self._job, away)
            self._observed.await_change(self._job, changes, pause)

    def _ended(self, sight: Sight) -> Exit | None:
        """How the run ended, by what the cluster shows at this very moment."""
        cause = self._order.cause
        if exit_of(sight, cause, _now()) is None:
            return None
        sight = self._observed.fresh(self._job)
        if sight.main is not None:
            self._begin(sight.main)
        elif cause is None:
            self._note_trouble(sight, None)
        return exit_of(sight, cause, _now())

    def _tend(self, sight: Sight, now: datetime) -> float | None:
        """Do what is to be done now; seconds until one has to look again, None for never."""
        if sight.main is not None:
            self._begin(sight.main)
        pause = None
        if not self._order.carry_out(sight):
            pause = self._hold(sight.main, now) if sight.main else self._await_begin(sight)
        return _sooner(pause, sight.overdue_in(now))

    def _begin(self, main: Pod) -> None:
        """The algorithm was begun: take over what it says, hold it to its limits."""
        if self._bounds is None:
            limits = limits_of(main.shown)
            self._bounds = Bounds(limits, self._place.outputs)
            with suppress(OSError):  # the run's folder may be gone before its pod
                log = LogFile(self._place.log, self._place.control.log, limits.log)
                self._follower = Follower(self._cluster, main.name, log)
        self.begun.set()

    def _hold(self, main: Pod, now: datetime) -> float | None:
        """End the algorithm where it exceeds its limits."""
        started = main.started_at
        if self._bounds is None or started is None:
            return None
        exceeded = self._bounds.exceeded(started, now)
        if exceeded is not None:
            self.end(exceeded, GRACE if exceeded.reason is ExitReason.TIMEOUT else 0)
        return self._bounds.pause(started, now)

    def _await_begin(self, sight: Sight) -> float:
        """Give up on an algorithm whose image cannot be had, or that does not begin in time."""
        late = time.monotonic() >= self._late_at
        events = self._cluster.events(self._subject(sight)) if late else None
        trouble = self._note_trouble(sight, events)
        if trouble is None and events is not None:
            trouble = hindrance(sight, events)
            trouble = trouble._replace(told=LATE.format(self._patience, trouble.told))
        if trouble is not None:
            logger.warning("the run %s does not begin: %s", self._job, trouble.detail)
            self.end(Exit(None, ExitReason.BACKEND, trouble.told), 0)
        return max(0.0, self._late_at - time.monotonic())

    def _note_trouble(self, sight: Sight, events: Sequence[Object] | None) -> Trouble | None:
        """What is wrong with the image, put on record."""
        trouble = image_trouble(sight, events)
        if trouble is not None:
            self._place.control.write_unavailable(trouble.told)
        return trouble

    def _subject(self, sight: Sight) -> str:
        """About what the cluster is asked where something keeps an algorithm from beginning."""
        alive = [pod.name for pod in sight.pods if not pod.gone]
        return alive[-1] if alive else self._job

    def _settle(self, end: Exit) -> None:
        if end.reason is ExitReason.EXITED and self._bounds is not None:
            large = self._bounds.too_large()
            end = end if large is None else Exit(end.code, large.reason, large.message)
        if end.reason is not ExitReason.EXITED:
            logger.warning("the run %s ended by %s: %s", self._job, end.reason, end.message)
        if self._follower is not None:
            self._follower.finish("" if end.reason is ExitReason.EXITED else end.message)
        with suppress(FileNotFoundError):
            self._place.control.write_exit(end)
        self._end = end


def _sooner(*waits: float | None) -> float | None:
    return min((wait for wait in waits if wait is not None), default=None)


def _now() -> datetime:
    return datetime.now(UTC)
