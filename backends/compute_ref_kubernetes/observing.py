"""What the cluster shows of this server's runs, always at hand, and waiting for it to change."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from compute_ref.plugins import BackendUnavailable
from compute_ref_kubernetes.cluster import Cluster, Kind
from compute_ref_kubernetes.endings import Sight
from compute_ref_kubernetes.labels import OBJECT, SERVER, label
from compute_ref_kubernetes.pods import Object, Pod
from compute_ref_kubernetes.watching import Watcher

LATE: Final = 1000  #: removed runs of which a watch, which lags behind, may still tell


class Closed(BackendUnavailable):
    """Nothing is watched any more."""

    def __init__(self) -> None:
        super().__init__("the server ends; the run goes on")


@dataclass
class Shown:
    """What was seen of one run; `changes` counts how often that changed."""

    job: Object | None = None
    pods: dict[str, Pod] = field(default_factory=dict)
    changes: int = 0


class Observed:
    """The Jobs and pods of one server in one namespace, by the name of the run's Job.

    Two watches keep it current, whatever the number of runs. Pods that the cluster shows no more
    are remembered until they are forgotten with their run.
    """

    def __init__(self, cluster: Cluster, server: str) -> None:
        self._cluster = cluster
        self._server = server
        self.selector: Final = f"{SERVER}={server}"
        self._changed = threading.Condition()
        self._runs: defaultdict[str, Shown] = defaultdict(Shown)
        self._forgotten: deque[str] = deque(maxlen=LATE)
        self._watchers: list[Watcher] = []
        self._closed = False

    def begin(self, name: str) -> None:
        """Take in what is told of a run from now on; raises Closed."""
        with self._changed:
            if self._closed:
                raise Closed()
            if name in self._forgotten:
                self._forgotten.remove(name)
            if not self._watchers:
                self._watchers = [
                    Watcher(self._cluster, kind, self.selector, self) for kind in Kind
                ]

    def close(self) -> None:
        """Watch no more; whoever waits is told so."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for watcher in self._watchers:
            watcher.close()

    def sight(self, name: str) -> tuple[Sight, int]:
        """What is known of a run, asked for where no Job was seen, and its count of changes."""
        with self._changed:
            shown = self._runs[name]
            changes = shown.changes
            if shown.job is not None:
                return _sight(shown.job, shown.pods), changes
        return self.fresh(name), changes

    def fresh(self, name: str) -> Sight:
        """What the cluster shows of a run now.

        Pods that it shows no more stay as the watch saw them: it is yet to tell how they ended.
        """
        job = self._cluster.job(name)
        if job is not None and label(job, SERVER) != self._server:
            job = None
        found, _ = self._cluster.find(Kind.PODS, f"{self.selector},{OBJECT}={name}")
        with self._changed:
            known = dict(self._runs[name].pods)
        return _sight(job, known | {one["metadata"]["uid"]: Pod(one) for one in found})

    def await_change(self, name: str, changes: int, seconds: float | None) -> None:
        """Return once more than `changes` were counted, or `seconds` passed; raises Closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._runs[name].changes > changes, seconds
            )
            if self._closed:
                raise Closed()

    def wake(self, name: str) -> None:
        """Make whoever waits for a change of a run look at it."""
        with self._changed:
            self._count(name)

    def forget(self, name: str) -> None:
        """The run was removed."""
        with self._changed:
            self._runs.pop(name, None)
            self._forgotten.append(name)

    def all(self, kind: Kind, found: Sequence[Object]) -> None:
        """All there are of a kind: what is not among them is gone."""
        with self._changed:
            known = {one["metadata"]["uid"] for one in found}
            for shown in self._runs.values():
                _leave(shown, kind, known)
            for one in found:
                self._take(kind, one, gone=False)
            for name in list(self._runs):
                self._count(name)

    def one(self, kind: Kind, found: Object, *, gone: bool) -> None:
        """One of a kind is new, has changed, or is gone."""
        name = label(found, OBJECT)
        with self._changed:
            if name not in self._forgotten:
                self._take(kind, found, gone=gone)
                self._count(name)

    def _take(self, kind: Kind, found: Object, *, gone: bool) -> None:
        shown = self._runs[label(found, OBJECT)]
        if kind is Kind.PODS:
            shown.pods[found["metadata"]["uid"]] = Pod(found, gone)
        else:
            shown.job = None if gone else found

    def _count(self, name: str) -> None:
        self._runs[name].changes += 1
        self._changed.notify_all()


def _sight(job: Object | None, pods: Mapping[str, Pod]) -> Sight:
    return Sight(job, sorted(pods.values(), key=lambda pod: pod.created))


def _leave(shown: Shown, kind: Kind, known: set[str]) -> None:
    """Note what of a run is not `known` any more, by its uid."""
    if kind is Kind.JOBS:
        if shown.job is not None and shown.job["metadata"]["uid"] not in known:
            shown.job = None
        return
    for uid, pod in shown.pods.items():
        if uid not in known:
            shown.pods[uid] = replace(pod, gone=True)
