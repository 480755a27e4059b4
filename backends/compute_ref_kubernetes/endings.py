"""How a run ended, from what the cluster shows of its Job and pods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from compute_ref.plugins import Exit, ExitReason
from compute_ref_kubernetes.pods import FINAL, Object, Pod, holds, moment

#: beyond the time at which a deleted pod should be gone; then its node is taken to be lost
OVERDUE: Final = timedelta(seconds=30)

TIMEOUT: Final = Exit(None, ExitReason.TIMEOUT, "The algorithm reached the time limit.")
STORAGE: Final = Exit(
    None, ExitReason.STORAGE, "The algorithm wrote more than the environment's disk holds."
)
OOM: Final = "The algorithm used more memory than the environment has."
LOST: Final = Exit(None, ExitReason.LOST, "Neither pod nor exit code is left.")
LOST_NODE: Final = Exit(
    None,
    ExitReason.LOST,
    "The machine on which it ran does not answer any more; it may run on there.",
)
LOST_POD: Final = "The pod in which it ran went away without telling how it ended."
DELETED: Final = "Somebody deleted the pod in which it ran."
WRONG_VOLUME: Final = (
    "The pod did not see the server's data folder: the operator should compare claim, claim_path"
    " and host_data_dir with what the server itself has mounted."
)
STRAY: Final = 3  #: exit code of the guard where the pod does not see the data folder
SECOND: Final = 4  #: exit code of the guard where another pod began the algorithm before
NO_NODE: Final = frozenset({"DeletionByPodGC", "DeletionByTaintManager"})


@dataclass(frozen=True, slots=True)
class Sight:
    """What the cluster shows of a run: its Job, if there is one, and its pods, oldest first."""

    job: Object | None
    pods: Sequence[Pod]

    @property
    def main(self) -> Pod | None:
        """The pod in which the algorithm was begun; there is no second one."""
        return next((pod for pod in self.pods if pod.began), None)

    @property
    def stale(self) -> bool:
        """Whether a pod is said to be over while its node still lets the algorithm run.

        Older nodes tell of a deadline or an eviction before they end the container, and then tell
        no more.
        """
        return any(pod.phase in FINAL and not pod.over for pod in self.pods)

    def overdue_in(self, now: datetime) -> float | None:
        """Seconds until a deleted pod's node is taken to be lost, None where none is deleted."""
        waits = [
            (pod.deleted + OVERDUE - now).total_seconds()
            for pod in self.pods
            if pod.deleted is not None and not pod.over
        ]
        return max(0.1, min(waits)) if waits else None

    @property
    def quiet(self) -> bool:
        """Whether no pod of the run is alive."""
        return all(pod.over for pod in self.pods)


def exit_of(sight: Sight, cause: Exit | None, now: datetime) -> Exit | None:
    """How the run ended, or None where it goes on; `cause` is why this server ended it."""
    if _lost(sight, now):
        return LOST_NODE
    end = _natural(sight)
    return end if end is None or cause is None else replace(cause, code=end.code)


def _natural(sight: Sight) -> Exit | None:
    main = sight.main
    if main is not None:
        return _of_begun(main, sight.job) if main.over else None
    return _of_unbegun(sight) if sight.quiet else None


def _lost(sight: Sight, now: datetime) -> bool:
    """Whether the node of the pod that matters is taken to be lost."""
    return any(_overdue(pod, now) for pod in ([sight.main] if sight.main else sight.pods))


def _overdue(pod: Pod, now: datetime) -> bool:
    return not pod.over and pod.deleted is not None and pod.deleted + OVERDUE < now


def _of_begun(pod: Pod, job: Object | None) -> Exit:
    """Of a pod that is over, in which the algorithm was begun."""
    ended = pod.ended or {}
    code = ended.get("exitCode")
    told = _told(pod) or _timed_out(job) or _deleted_at_deadline(pod, job)
    if told is not None:
        return replace(told, code=code)
    if ended.get("reason") == "OOMKilled" and code != 0:
        return Exit(code, ExitReason.OOM, OOM)
    if pod.deleted is not None and not _succeeded(job) and (pod.forgotten or code is not None):
        return Exit(code, ExitReason.EVICTED, DELETED)
    return Exit(None, ExitReason.LOST, LOST_POD) if code is None else Exit(code)


def _told(pod: Pod) -> Exit | None:
    """What the cluster gives as the reason for which it ended a pod."""
    disruption = holds(pod.shown, "DisruptionTarget")
    if pod.reason == "DeadlineExceeded":
        return TIMEOUT
    if pod.reason == "Evicted":
        full = "ephemeral" in pod.message or "EmptyDir" in pod.message
        return replace(STORAGE, message=pod.message) if full else _evicted(pod.message)
    if disruption is not None:
        said = str(disruption.get("message") or disruption.get("reason") or "")
        lost = disruption.get("reason") in NO_NODE and pod.ended is None
        return Exit(None, ExitReason.LOST, said) if lost else _evicted(said)
    if pod.reason in ("Preempting", "Shutdown", "NodeShutdown", "Terminated"):
        return _evicted(pod.message or pod.reason)
    if pod.reason == "NodeLost":
        return LOST_NODE
    return None


def _evicted(message: str) -> Exit:
    return Exit(None, ExitReason.EVICTED, message)


def _of_unbegun(sight: Sight) -> Exit | None:
    """Where no pod is alive and none is known to have begun the algorithm."""
    codes = [(pod.guard.get("terminated") or {}).get("exitCode") for pod in sight.pods]
    if STRAY in codes:
        return Exit(None, ExitReason.BACKEND, WRONG_VOLUME)
    if SECOND in codes:
        return Exit(None, ExitReason.LOST, LOST_POD)
    for pod in sight.pods:
        refused = _told(pod) or _deleted_at_deadline(pod, sight.job) or _refused(pod)
        if refused is not None and not pod.gone:
            return refused
    if sight.job is None:
        return LOST
    return Exit(0) if _succeeded(sight.job) else _timed_out(sight.job) or _failed(sight.job)


def _refused(pod: Pod) -> Exit | None:
    """Of a pod that failed before the algorithm was begun."""
    ended = pod.guard.get("terminated") or {}
    why = ended.get("reason") if ended.get("exitCode") else ""
    said = ended.get("message") or pod.message or why or pod.reason
    return Exit(None, ExitReason.BACKEND, str(said)) if said and pod.phase == "Failed" else None


def _failed(job: Object) -> Exit | None:
    failed = holds(job, "Failed")
    if failed is None:
        return None
    if failed.get("reason") == "PodFailurePolicy":
        return _evicted(str(failed.get("message", "")))
    return Exit(None, ExitReason.LOST, LOST_POD)


def _timed_out(job: Object | None) -> Exit | None:
    failed = holds(job, "Failed") or holds(job, "FailureTarget") if job else None
    return TIMEOUT if failed and failed.get("reason") == "DeadlineExceeded" else None


def _deleted_at_deadline(pod: Pod, job: Object | None) -> Exit | None:
    """Older clusters delete the pod first, and only then say of the Job that it was too late."""
    seconds = (job or {}).get("spec", {}).get("activeDeadlineSeconds")
    started = moment(((job or {}).get("status") or {}).get("startTime"))
    if not seconds or started is None or pod.deleted is None:
        return None
    grace = pod.shown["metadata"].get("deletionGracePeriodSeconds", 0)
    asked = pod.deleted - timedelta(seconds=grace)
    return TIMEOUT if asked >= started + timedelta(seconds=seconds) else None


def _succeeded(job: Object | None) -> bool:
    return job is not None and holds(job, "Complete") is not None
