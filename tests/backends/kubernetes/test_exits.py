"""Every end that a cluster tells of, old and new, as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from compute_ref.plugins import Exit, ExitReason
from compute_ref_kubernetes.cluster import Cluster, Kind
from compute_ref_kubernetes.endings import (
    DELETED,
    LOST,
    LOST_NODE,
    LOST_POD,
    OOM,
    STORAGE,
    TIMEOUT,
    WRONG_VOLUME,
    Sight,
    exit_of,
)
from compute_ref_kubernetes.labels import OBJECT
from compute_ref_kubernetes.observing import Observed
from compute_ref_kubernetes.pods import FORGOTTEN, Pod

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
EARLIER = "2026-11-25T11:00:00Z"
Object = dict[str, Any]


def pod(
    phase: str = "Running",
    *,
    code: int | None = None,
    guard: Object | None = None,
    running: bool = False,
    gone: bool = False,
    deleted: str = "",
    why: str = "",
    disrupted: str = "",
    **status: str,
) -> Pod:
    """A pod as a cluster shows it."""
    shown: Object = {"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": {**status}}
    shown["status"]["phase"] = phase
    state: Object = {"running": {"startedAt": EARLIER}} if running else {}
    if code is not None:
        state = {"terminated": {"exitCode": code, "reason": why}}
    if state:
        shown["status"]["containerStatuses"] = [{"name": "algorithm", "state": state}]
    if guard is not None:
        shown["status"]["initContainerStatuses"] = [
            {"name": "once", "state": {"terminated": guard}}
        ]
    if deleted:
        shown["metadata"]["deletionTimestamp"] = deleted
    if disrupted:
        condition = {"type": "DisruptionTarget", "status": "True", "reason": disrupted}
        shown["status"]["conditions"] = [condition]
    return Pod(shown, gone)


def job(kind: str = "", reason: str = "", message: str = "") -> Object:
    condition = {"type": kind, "status": "True", "reason": reason, "message": message}
    return {"metadata": {"name": "j"}, "status": {"conditions": [condition] if kind else []}}


def forgotten() -> Pod:
    """As an older node shows a pod that was deleted, and whose container is gone already."""
    last = {"terminated": {"exitCode": 137, "reason": FORGOTTEN, "startedAt": None}}
    state = {"waiting": {"reason": "PodInitializing"}}
    status = {"name": "algorithm", "state": state, "lastState": last}
    found = pod("Failed", deleted=EARLIER).shown
    return Pod({**found, "status": {**found["status"], "containerStatuses": [status]}})


ENDED = pod("Succeeded", code=0)
BACKOFF = job("Failed", "BackoffLimitExceeded")


def evicted(code: int | None, message: str) -> Exit:
    return Exit(code, ExitReason.EVICTED, message)


@pytest.mark.parametrize(
    ("found", "pods", "end"),
    [
        # it goes on
        (job(), [], None),
        (job(), [pod("Pending")], None),
        (job(), [pod(running=True)], None),
        (job(), [pod(running=True, deleted=EARLIER[:11] + "11:59:50Z")], None),
        # by itself
        (job("Complete"), [ENDED], Exit(0)),
        (BACKOFF, [pod("Failed", code=3, why="Error")], Exit(3)),
        (job("Complete"), [], Exit(0)),
        (job("Complete"), [pod("Succeeded", code=0, deleted=EARLIER, gone=True)], Exit(0)),
        # memory, as main process or as one that another outlived
        (job(), [pod("Failed", code=137, why="OOMKilled")], Exit(137, ExitReason.OOM, OOM)),
        (job(), [pod("Succeeded", code=0, why="OOMKilled")], Exit(0)),
        # time
        (job("Failed", "DeadlineExceeded"), [pod("Failed", code=143)], (143, TIMEOUT)),
        (job("FailureTarget", "DeadlineExceeded"), [pod("Failed", code=143)], (143, TIMEOUT)),
        (job("Failed", "DeadlineExceeded"), [], TIMEOUT),
        (job(), [pod("Failed", code=143, reason="DeadlineExceeded")], (143, TIMEOUT)),
        # an older node tells of it before the container has ended
        (job(), [pod("Failed", running=True, reason="DeadlineExceeded")], None),
        (job(), [pod("Failed", running=True, reason="DeadlineExceeded", gone=True)], TIMEOUT),
        # the node, or something more important
        (job(), [pod("Failed", code=137, reason="Evicted", message="low")], evicted(137, "low")),
        (BACKOFF, [pod("Failed", reason="Evicted", message="low")], evicted(None, "low")),
        (
            job(),
            [pod("Failed", code=137, reason="Evicted", message="ephemeral local storage")],
            Exit(137, ExitReason.STORAGE, "ephemeral local storage"),
        ),
        (
            job(),
            [pod("Failed", code=137, reason="Evicted", message='Usage of EmptyDir volume "tmp"')],
            Exit(137, ExitReason.STORAGE, 'Usage of EmptyDir volume "tmp"'),
        ),
        (
            job(),
            [pod("Failed", code=143, disrupted="PreemptionByScheduler")],
            evicted(143, "PreemptionByScheduler"),
        ),
        (job(), [pod("Failed", code=143, reason="Terminated")], evicted(143, "Terminated")),
        (job("Failed", "PodFailurePolicy", "disrupted"), [], evicted(None, "disrupted")),
        (BACKOFF, [pod("Failed", code=7, deleted=EARLIER)], evicted(7, DELETED)),
        (None, [pod("Failed", code=7, deleted=EARLIER, gone=True)], evicted(7, DELETED)),
        # the node is lost
        (job(), [pod(running=True, deleted=EARLIER)], LOST_NODE),
        (job(), [pod("Pending", deleted=EARLIER)], LOST_NODE),
        (job(), [pod("Failed", running=True, reason="NodeLost", gone=True)], LOST_NODE),
        (
            job(),
            [pod("Failed", running=True, disrupted="DeletionByPodGC", gone=True)],
            Exit(None, ExitReason.LOST, "DeletionByPodGC"),
        ),
        (
            job(),
            [pod("Failed", code=143, disrupted="DeletionByTaintManager")],
            evicted(143, "DeletionByTaintManager"),
        ),
        (job(), [pod(running=True, gone=True)], Exit(None, ExitReason.LOST, LOST_POD)),
        (BACKOFF, [], Exit(None, ExitReason.LOST, LOST_POD)),
        (None, [], LOST),
        # the node found its container gone, and cannot know how it ended
        (job(), [pod("Failed", code=137, why=FORGOTTEN)], Exit(None, ExitReason.LOST, LOST_POD)),
        (job(), [pod("Failed", code=137, why=FORGOTTEN, deleted=EARLIER)], evicted(None, DELETED)),
        (BACKOFF, [forgotten(), pod("Failed", guard={"exitCode": 4})], evicted(None, DELETED)),
        # a second pod, which the guard keeps from beginning
        (
            BACKOFF,
            [pod("Failed", guard={"exitCode": 4})],
            Exit(None, ExitReason.LOST, LOST_POD),
        ),
        (
            job(),
            [pod("Failed", code=7, deleted=EARLIER), pod("Failed", guard={"exitCode": 4})],
            evicted(7, DELETED),
        ),
        # it never began
        (
            BACKOFF,
            [pod("Failed", guard={"exitCode": 3})],
            Exit(None, ExitReason.BACKEND, WRONG_VOLUME),
        ),
        (
            BACKOFF,
            [pod("Failed", reason="OutOfmemory", message="Node didn't have enough")],
            Exit(None, ExitReason.BACKEND, "Node didn't have enough"),
        ),
        # where the guard ended well, its word says nothing
        (
            job("Failed", "DeadlineExceeded"),
            [pod("Failed", guard={"exitCode": 0, "reason": "Completed"}, deleted=EARLIER)],
            TIMEOUT,
        ),
        (
            job(),
            [pod("Failed", guard={"exitCode": 0, "reason": "Completed"}, deleted=EARLIER)],
            None,
        ),
    ],
)
def test_what_the_cluster_shows_is_read(
    found: Object | None, pods: list[Pod], end: Exit | tuple[int, Exit] | None
) -> None:
    if isinstance(end, tuple):
        end = Exit(end[0], end[1].reason, end[1].message)
    assert exit_of(Sight(found, pods), None, NOW) == end


def test_why_this_server_ended_it_goes_over_what_the_cluster_says_of_that() -> None:
    killed = Sight(None, [pod("Failed", code=137, deleted=EARLIER)])
    assert exit_of(killed, STORAGE, NOW) == Exit(137, STORAGE.reason, STORAGE.message)
    assert exit_of(killed, Exit(None), NOW) == Exit(137)
    assert exit_of(Sight(None, []), Exit(None), NOW) == Exit(None)


def test_a_lost_node_is_told_whoever_ended_the_run() -> None:
    lost = Sight(None, [pod(running=True, deleted=EARLIER)])
    assert exit_of(lost, Exit(None), NOW) == LOST_NODE


def test_an_order_does_not_end_what_still_runs() -> None:
    assert exit_of(Sight(job(), [pod(running=True)]), STORAGE, NOW) is None


class Ahead(Cluster):
    """A fake: its lists are ahead of its watches, which cannot be brought about otherwise."""

    def __init__(self) -> None:
        """Reach nothing."""

    def job(self, name: str) -> None:
        """There is none any more."""

    def find(self, kind: Kind, selector: str) -> tuple[list[Mapping[str, Any]], str]:
        """Nor a pod."""
        return [], "2"


def test_a_pod_that_is_gone_before_the_watch_tells_how_it_ended_is_waited_for() -> None:
    observed = Observed(Ahead(), "server")
    told = {"uid": "u", "labels": {OBJECT: "run"}, "deletionTimestamp": NOW.isoformat()}
    running, ended = pod(running=True).shown, pod("Failed", code=7).shown
    observed.one(Kind.PODS, {**running, "metadata": {"name": "p", **told}}, gone=False)
    assert exit_of(observed.sight("run")[0], None, NOW) is None
    observed.one(Kind.PODS, {**ended, "metadata": {"name": "p", **told}}, gone=True)
    assert exit_of(observed.sight("run")[0], None, NOW) == evicted(7, DELETED)


@pytest.mark.parametrize(("seconds", "reason"), [(3600, "timeout"), (3601, "evicted")])
def test_a_pod_deleted_at_the_deadline_was_too_late(seconds: int, reason: str) -> None:
    """Also where its Job does not say so yet; it was deleted an hour after its beginning."""
    late = {**job(), "spec": {"activeDeadlineSeconds": seconds}}
    late["status"]["startTime"] = "2026-11-25T10:00:00Z"
    ended = pod("Failed", code=143, deleted="2026-11-25T11:00:20Z")
    meta = {**ended.shown["metadata"], "deletionGracePeriodSeconds": 20}
    end = exit_of(Sight(late, [Pod({**ended.shown, "metadata": meta})]), None, NOW)
    assert end is not None
    assert end.reason == reason


def test_it_is_known_when_a_deleted_pod_is_overdue() -> None:
    soon = (NOW + timedelta(seconds=5)).isoformat()
    assert Sight(job(), [pod(running=True, deleted=soon)]).overdue_in(NOW) == 35
    assert Sight(job(), [pod(running=True)]).overdue_in(NOW) is None
