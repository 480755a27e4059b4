"""The Job of one run, as it is given to the cluster.

Fields that an older cluster does not know (`podReplacementPolicy`, `podFailurePolicy`) it leaves
out by itself; nothing here depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from compute_ref.plugins import Limits, Run, environment_variables, shell_command
from compute_ref_kubernetes.labels import ALGORITHM, GUARD, labels, network, notes
from compute_ref_kubernetes.options import Options
from compute_ref_kubernetes.users import User
from compute_ref_kubernetes.volume import Volume

GRACE: Final = 20  #: seconds between TERM and KILL where the cluster itself ends a pod
LOGS: Final = 64 * 2**20  #: bytes that a node may keep of what a container says
TMP: Final = "/tmp"  # noqa: S108 - the container's own, held in memory

#: Ends with 4 where the algorithm was begun before, whoever makes a second pod; with 3 where this
#: pod does not see the server's data folder.
ONCE: Final = """\
true < /once/here || exit 3
set -C
true > /once/started || exit 4
"""
#: The first process of a container gets no TERM that it does not ask for: this one hands it on to
#: every other. The entrypoint's shell lives through it, and goes on once the algorithm has ended.
#: Nodes keep standard output and error apart, and no order between them: so there is only one.
ENTRY: Final = """\
exec 2>&1
(trap : TERM; eval "$1") &
trap 'asked=1; kill -TERM -1' TERM
while asked=; wait $!; code=$?; [ "$asked" ]; do :; done
exit $code
"""
FAIL_ON_DISRUPTION: Final = {
    "action": "FailJob",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}
CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a server makes its Jobs: for every run the same."""

    server: str
    volume: Volume
    options: Options
    user: User

    def job(self, run: Run, name: str, image: str, once: Path) -> dict[str, Any]:
        """The Job named `name`; `once` is the folder in which its first pod leaves its mark."""
        own_labels = labels(name, self.server)
        meta = {"name": name, "labels": own_labels, "annotations": notes(run)}
        pods = {"labels": {**own_labels, **network(run)}, "annotations": notes(run)}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": meta,
            "spec": {
                "completions": 1,
                "parallelism": 1,
                "backoffLimit": 0,
                "podReplacementPolicy": "Failed",
                "podFailurePolicy": {"rules": [FAIL_ON_DISRUPTION]},
                "ttlSecondsAfterFinished": self.options.finished_ttl,
                **self._deadline(run.limits),
                "template": {"metadata": pods, "spec": self._pod(run, image, once)},
            },
        }

    def _deadline(self, limits: Limits) -> dict[str, int]:
        """The cluster's own limit, for the time in which no server holds the exact one."""
        if not limits.seconds:
            return {}
        seconds = math.ceil(limits.seconds) + self.options.pending_timeout + GRACE
        return {"activeDeadlineSeconds": seconds}

    def _pod(self, run: Run, image: str, once: Path) -> dict[str, Any]:
        mark = self.volume.mount(once, "/once", False)
        guard = _container(GUARD, image, ["sh", "-c", ONCE], [mark], held(run.limits))
        tmp = {"medium": "Memory", "sizeLimit": str(self.options.tmp_size)}
        return {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE,
            "hostname": "compute",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": self.user.uid,
                "runAsGroup": self.user.gid,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [guard],
            "containers": [self._algorithm(run, image)],
            "volumes": [self.volume.manifest(), {"name": "tmp", "emptyDir": tmp}],
            **self._placement(),
        }

    def _algorithm(self, run: Run, image: str) -> dict[str, Any]:
        entrypoint = shell_command(run.entrypoint, "/data/transformations/algorithm")
        command = ["sh", "-c", ENTRY, "sh", entrypoint]
        mounts = [*self.volume.mounts(run.folders), {"name": "tmp", "mountPath": TMP}]
        gpus = {self.options.gpu_resource: str(run.limits.gpus)} if run.limits.gpus else {}
        most = {**held(run.limits), **gpus}
        variables = {"HOME": TMP, **environment_variables(run)}
        return {
            **_container(ALGORITHM, image, command, mounts, most),
            "env": [{"name": key, "value": _literal(value)} for key, value in variables.items()],
            "workingDir": "/data",
        }

    def _placement(self) -> dict[str, Any]:
        """Where pods may run and by what right, as far as the operator chose."""
        options = self.options
        chosen = {
            "nodeSelector": dict(options.node_selector),
            "tolerations": [dict(toleration) for toleration in options.tolerations],
            "runtimeClassName": options.runtime_class,
            "priorityClassName": options.priority_class,
            "imagePullSecrets": [{"name": name} for name in options.image_pull_secrets],
        }
        return {key: value for key, value in chosen.items() if value}


def held(limits: Limits) -> dict[str, str]:
    """What a container is held to; nothing for what is not limited."""
    found = {}
    if limits.cpus:
        found["cpu"] = f"{math.ceil(limits.cpus * 1000)}m"
    if limits.memory:
        found["memory"] = str(limits.memory)
    if limits.disk:
        found["ephemeral-storage"] = str(limits.disk + LOGS)
    return found


def _container(
    name: str,
    image: str,
    command: list[str],
    mounts: list[dict[str, Any]],
    most: Mapping[str, str],
) -> dict[str, Any]:
    """A container that may use `most`, all of which is set aside for it but room for outputs.

    They are not on the node's disk.
    """
    logs = {"ephemeral-storage": str(LOGS)} if "ephemeral-storage" in most else {}
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [_literal(word) for word in command],
        "resources": {"requests": {**most, **logs}, "limits": most},
        "securityContext": CONFINED,
        "volumeMounts": mounts,
    }


def _literal(text: str) -> str:
    """`text` so that the cluster, which replaces ``$(NAME)``, leaves it as it is."""
    return text.replace("$", "$$")
