"""A fake: what schedules, runs and ends pods, of one node.

A `legacy` cluster makes a new pod where one of a Job is deleted, as real ones did before 1.26.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.backends.kubernetes.emulated.apiserver import ApiServer
from tests.backends.kubernetes.emulated.containers import Container, quantity
from tests.backends.kubernetes.emulated.store import Change, Object, Store, stamp

NODE = "node-1"
MEMORY = 64 * 2**30
IMAGE = "busybox:emulated"
FOREGROUND = "foregroundDeletion"


class Cluster:
    """A control plane and a node."""

    def __init__(self) -> None:
        self.store = Store()
        self.api = ApiServer(self.store)
        self.api.deleting, self.api.logs = self._delete, self._logs
        self.legacy = False
        self.frozen = False  # the node does not answer
        self.unmounting = 0.0  # seconds from a deleted pod's last process to its disappearance
        self._runs: dict[str, PodRun] = {}
        self._changes: queue.Queue[Change | None] = queue.Queue()
        self._timers: list[threading.Timer] = []
        self.store.listeners.append(self._changes.put)
        self._thread = threading.Thread(target=self._control)
        self._thread.start()

    def close(self) -> None:
        self._changes.put(None)
        self._thread.join()
        for timer in self._timers:
            timer.cancel()
        for run in self._runs.values():
            run.end(0)
        self.api.close()

    def lose_node(self, pod: str, namespace: str) -> None:
        """The node answers no more; the control plane gives it up after its patience."""
        self.frozen = True
        self.store.change("pods", namespace, pod, lambda shown: _mark(shown, 0))

    def fail_pod(self, pod: str, namespace: str, reason: str, message: str) -> None:
        """The node ends a pod for a reason of its own."""
        self._runs[pod].because = (reason, message)
        self._runs[pod].end(1)

    def disrupt(self, pod: str, namespace: str, reason: str, message: str) -> None:
        """The control plane ends a pod for something more important."""
        condition = {"type": "DisruptionTarget", "status": "True"}
        self.store.change(
            "pods",
            namespace,
            pod,
            lambda shown: _set(shown, {**condition, "reason": reason, "message": message}),
        )
        self.store.change("pods", namespace, pod, lambda shown: _mark(shown, 1))

    def wipe_pod(self, pod: str, namespace: str) -> None:
        """The node is gone, and with it what the control plane knew of its pods."""
        self.frozen = True
        self.store.remove("pods", namespace, pod)

    def _later(self, seconds: float, task: Callable[[], object]) -> None:
        timer = threading.Timer(seconds, task)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _delete(self, resource: str, shown: Object, options: dict[str, Any]) -> None:
        meta = shown["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        if resource == "jobs":
            self.store.change("jobs", namespace, name, _foreground)
            return
        if resource != "pods":
            self.store.remove(resource, namespace, name)
            return
        grace = options.get("gracePeriodSeconds", "none")
        if grace == "none":
            grace = shown["spec"].get("terminationGracePeriodSeconds", 30)
        if int(grace) == 0 or not shown["spec"].get("nodeName"):
            self.store.remove("pods", namespace, name)
            return
        self.store.change("pods", namespace, name, lambda pod: _mark(pod, int(grace)))

    def _logs(self, pod: str, container: str, follow: bool) -> Iterator[bytes] | None:
        run = self._runs.get(pod)
        if run is None or container not in run.containers:
            return None
        return run.containers[container].log.read(follow)

    def _control(self) -> None:
        while (change := self._changes.get()) is not None:
            if change.resource == "jobs":
                self._job(change)
            elif change.resource == "pods":
                self._pod(change)

    def _job(self, change: Change) -> None:
        job = change.shown
        meta = job["metadata"]
        if change.what == "ADDED":
            if not meta.get("annotations", {}).get("test/no-pods"):
                self._make_pod(job)
            deadline = job["spec"].get("activeDeadlineSeconds")
            if deadline:
                self._later(deadline, lambda: self._deadline(job))
        if "deletionTimestamp" in meta and change.what != "DELETED":
            self._collect(job)

    def _make_pod(self, job: Object) -> None:
        meta, template = job["metadata"], job["spec"]["template"]
        pod = {
            "metadata": {
                "generateName": f"{meta['name'][:50]}-",
                "labels": {**template["metadata"]["labels"], "job-name": meta["name"]},
                "annotations": template["metadata"].get("annotations", {}),
            },
            "spec": template["spec"],
            "status": {"phase": "Pending"},
        }
        self.store.create("pods", meta["namespace"], pod)

    def _collect(self, job: Object) -> None:
        """A Job that is deleted in the foreground goes after its pods."""
        pods = self._pods_of(job)
        for pod in pods:
            if "deletionTimestamp" not in pod["metadata"]:
                self._delete("pods", pod, {})
        if not self._pods_of(job):
            self.store.remove("jobs", job["metadata"]["namespace"], job["metadata"]["name"])

    def _deadline(self, job: Object) -> None:
        namespace, name = job["metadata"]["namespace"], job["metadata"]["name"]
        self._conclude(namespace, name, "Failed", "DeadlineExceeded")
        for pod in self._pods_of(job):
            if pod["status"]["phase"] not in ("Succeeded", "Failed"):
                self._delete("pods", pod, {})

    def _conclude(self, namespace: str, name: str, kind: str, reason: str) -> None:
        def change(job: Object) -> None:
            status = job.setdefault("status", {})
            if not status.get("conditions"):
                condition = {"type": kind, "status": "True", "reason": reason, "message": reason}
                status["conditions"] = [condition]

        self.store.change("jobs", namespace, name, change)

    def _pods_of(self, job: Object) -> list[Object]:
        meta = job["metadata"]
        return self.store.list("pods", meta["namespace"], f"job-name={meta['name']}")[0]

    def _pod(self, change: Change) -> None:
        pod = change.shown
        meta = pod["metadata"]
        job = self.store.get("jobs", meta["namespace"], meta["labels"].get("job-name", ""))
        if change.what == "DELETED" and meta["name"] in self._runs and not self.frozen:
            self._runs[meta["name"]].end(0)
        elif change.what == "ADDED":
            self._schedule(pod)
        elif "deletionTimestamp" in meta and meta["name"] in self._runs and not self.frozen:
            self._runs[meta["name"]].end(meta["deletionGracePeriodSeconds"])
        if job is not None:
            self._follow(job, pod, gone=change.what == "DELETED")

    def _follow(self, job: Object, pod: Object, *, gone: bool) -> None:
        """What becomes of a Job whose pod changed."""
        meta = job["metadata"]
        phase = pod["status"]["phase"]
        if "deletionTimestamp" in meta:
            self._collect(job)
        elif self.legacy and ("deletionTimestamp" in pod["metadata"] or gone):
            alive = [p for p in self._pods_of(job) if "deletionTimestamp" not in p["metadata"]]
            if not alive and not job.get("status", {}).get("conditions"):
                self._make_pod(job)
        elif phase == "Succeeded":
            self._conclude(meta["namespace"], meta["name"], "Complete", "Completed")
        elif phase == "Failed" or gone:
            self._conclude(meta["namespace"], meta["name"], "Failed", "BackoffLimitExceeded")

    def _schedule(self, pod: Object) -> None:
        meta = pod["metadata"]
        limits = pod["spec"]["containers"][0].get("resources", {}).get("limits", {})
        if quantity(limits.get("memory", "0")) > MEMORY:
            said = "0/1 nodes are available: 1 Insufficient memory."
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            self.store.change(
                "pods",
                meta["namespace"],
                meta["name"],
                lambda shown: _set(shown, {**condition, "message": said}),
            )
            return
        self._runs[meta["name"]] = PodRun(self, meta["namespace"], meta["name"])


class PodRun:
    """A node's work on one pod."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self.containers: dict[str, Container] = {}
        self.because: tuple[str, str] | None = None
        self._cluster = cluster
        self._namespace, self._name = namespace, name
        self._lock = threading.Lock()
        self._ending = threading.Event()
        threading.Thread(target=self._work, daemon=True).start()

    def end(self, grace: float) -> None:
        """End what runs and let nothing more begin."""
        threading.Thread(target=self._end, args=(grace,), daemon=True).start()

    def _end(self, grace: float) -> None:
        with self._lock:
            self._ending.set()
            running = list(self.containers.values())
        for container in running:
            container.end(grace)

    def _work(self) -> None:
        self._change(lambda pod: pod["spec"].update(nodeName=NODE))
        pod = self._cluster.store.get("pods", self._namespace, self._name)
        if pod is None:
            return
        sequence = [*pod["spec"]["initContainers"], *pod["spec"]["containers"]]
        if self._has_image(sequence[0]["image"]):
            for container in sequence:
                if not self._run(pod, container):
                    break
            self._finish()
        self._ending.wait()
        for container in self.containers.values():
            container.wait()
        time.sleep(self._cluster.unmounting)
        if not self._cluster.frozen and self._marked():
            self._cluster.store.remove("pods", self._namespace, self._name)

    def _marked(self) -> bool:
        pod = self._cluster.store.get("pods", self._namespace, self._name)
        return pod is not None and "deletionTimestamp" in pod["metadata"]

    def _has_image(self, image: str) -> bool:
        if image == IMAGE:
            return True
        if image.startswith("shellless"):
            said = 'exec: "sh": executable file not found in $PATH'
            ended = {"exitCode": 128, "reason": "StartError", "message": said}
            self._show("initContainerStatuses", "once", terminated=ended)
            self._finish()
            return False
        said = "manifest unknown" if "absent" in image else "dial tcp: no such host"
        reason = "InvalidImageName" if " " in image else "ErrImagePull"
        self._event(f'Failed to pull image "{image}": {said}')
        self._wait_for(reason, said)
        if reason == "ErrImagePull" and not self._ending.wait(0.2):
            self._wait_for("ImagePullBackOff", f'Back-off pulling image "{image}"')
        return False

    def _wait_for(self, reason: str, message: str) -> None:
        self._show("initContainerStatuses", "once", waiting={"reason": reason, "message": message})

    def _event(self, message: str) -> None:
        event = {
            "metadata": {"generateName": f"{self._name[:50]}."},
            "type": "Warning",
            "message": message,
            "involvedObject": {"kind": "Pod", "name": self._name},
        }
        self._cluster.store.create("events", self._namespace, event)

    def _run(self, pod: Object, container: Object) -> bool:
        """Run one container to its end; whether the next one is to follow."""
        first = container["name"] == pod["spec"]["initContainers"][0]["name"]
        kind = "initContainerStatuses" if first else "containerStatuses"
        with self._lock:
            if self._ending.is_set():
                return False
            running = self.containers[container["name"]] = Container(pod, container)
        if not first:
            self._change(lambda pod: pod["status"].update(phase="Running"))
        began = stamp(running.started)
        self._show(kind, container["name"], running={"startedAt": began})
        code = running.wait()
        reason = "OOMKilled" if running.oom else "Completed" if code == 0 else "Error"
        ended = {"exitCode": code, "reason": reason, "startedAt": began, "finishedAt": stamp()}
        self._show(kind, container["name"], terminated=ended)
        return code == 0

    def _finish(self) -> None:
        def change(pod: Object) -> None:
            statuses = pod["status"].get("containerStatuses", [])
            codes = [one["state"]["terminated"]["exitCode"] for one in statuses]
            pod["status"]["phase"] = "Succeeded" if codes == [0] else "Failed"
            if self.because is not None:
                pod["status"].update(phase="Failed")
                pod["status"]["reason"], pod["status"]["message"] = self.because

        self._change(change)

    def _show(self, kind: str, name: str, **state: Object) -> None:
        self._change(lambda pod: pod["status"].update({kind: [{"name": name, "state": state}]}))

    def _change(self, how: Callable[[Object], None]) -> None:
        if not self._cluster.frozen:
            self._cluster.store.change("pods", self._namespace, self._name, how)


def _mark(shown: Object, grace: int) -> None:
    meta = shown["metadata"]
    known = meta.get("deletionGracePeriodSeconds")
    if known is None or grace < known:
        meta["deletionGracePeriodSeconds"] = grace
        meta["deletionTimestamp"] = stamp(datetime.now(UTC) + timedelta(seconds=grace))


def _foreground(job: Object) -> None:
    job["metadata"].setdefault("deletionTimestamp", stamp())
    job["metadata"]["finalizers"] = [FOREGROUND]


def _set(shown: Object, condition: Object) -> None:
    shown["status"].setdefault("conditions", []).append(condition)
