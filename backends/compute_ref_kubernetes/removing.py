"""Having the cluster forget a run that is over."""

from __future__ import annotations

import time
from typing import Final

from compute_ref.plugins import BackendUnavailable
from compute_ref_kubernetes.cluster import Cluster
from compute_ref_kubernetes.observing import Observed

PATIENCE: Final = 30.0  #: seconds in which the cluster lets go of a Job
GOING: Final = 10.0  #: seconds in which a node lets go of a pod whose processes have ended
LOOK: Final = 1.0  #: seconds after which it is asked again where it tells nothing


def await_gone(observed: Observed, job: str) -> None:
    """Return once the cluster shows no deleted pod of a run, but for those of a lost node."""
    until = time.monotonic() + GOING
    while (seconds := until - time.monotonic()) > 0:
        sight, changes = observed.sight(job)
        if not any(pod.going for pod in sight.pods):
            return
        observed.await_change(job, changes, seconds)


def clear(cluster: Cluster, observed: Observed, job: str) -> None:
    """Return once the cluster shows nothing of a run; nothing of it is alive.

    Raises BackendUnavailable where it does not let go.
    """
    observed.begin(job)
    until = time.monotonic() + PATIENCE
    while True:
        sight, changes = observed.sight(job)
        left = [pod for pod in sight.pods if not pod.gone]
        if sight.job is None and not left:
            observed.forget(job)
            return
        if time.monotonic() > until:
            raise BackendUnavailable(f"the cluster does not let go of the Job {job}")
        if sight.job is not None:
            cluster.delete_job(job)
        for pod in left:
            cluster.delete_pod(pod.name, 0)
        observed.await_change(job, changes, LOOK)
