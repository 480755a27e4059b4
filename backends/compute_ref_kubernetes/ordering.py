"""The order to end a run, and carrying it out."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from typing import Final

from compute_ref.plugins import Exit
from compute_ref_kubernetes.cluster import Cluster
from compute_ref_kubernetes.control import Control
from compute_ref_kubernetes.endings import Sight

GRACE: Final = 5.0  #: seconds between TERM and KILL where nobody said otherwise


class Order:
    """To end one run: given by any thread, carried out by the run's keeper, again if need be.

    It is on record from before anything is ended, and also in force where an earlier server gave
    it.
    """

    def __init__(self, cluster: Cluster, job: str, control: Control) -> None:
        self._cluster = cluster
        self._job = job
        self._control = control
        self._giving = threading.Lock()
        self._grace: float | None = None
        self._told = math.inf  # the grace of the pods that were told to end

    @property
    def cause(self) -> Exit | None:
        """Why the run is, or was, ended; None where there is no order."""
        return self._control.read_cause()

    def give(self, cause: Exit, grace: float) -> None:
        """End the run; the first cause stays, the shortest grace counts."""
        with self._giving:
            with suppress(FileNotFoundError):  # the run's folder may be gone before its pod
                self._control.write_cause(cause)
            self._grace = grace if self._grace is None else min(self._grace, grace)

    def carry_out(self, sight: Sight) -> bool:
        """Have the cluster end what is left of the run; whether there is an order at all."""
        grace = self._grace
        if grace is None and (sight.stale or self._control.stop.exists()):
            grace = GRACE
        if grace is None:
            return False
        if grace < self._told:
            self._tell(sight, grace)
            self._told = grace
        return True

    def _tell(self, sight: Sight, grace: float) -> None:
        """The Job first, so that nobody makes another pod of it; then pods, with the grace.

        What was not begun never will be, and its pods need not be waited for.
        """
        if sight.job is not None:
            self._cluster.delete_job(self._job)
        forestalled = sight.main is None and self._control.forestall()
        seconds = 0 if forestalled else max(1, math.ceil(grace))
        for pod in sight.pods:
            if not pod.over:
                self._cluster.delete_pod(pod.name, seconds)
