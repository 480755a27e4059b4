"""The Job of one run, as it is given to the cluster.

Fields that an older cluster does not know (`podReplacementPolicy`, `podFailurePolicy`) it leaves
out by itself; nothing here depends on them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from compute_ref.plugins import Image, Limits, Run, environment_variables, shell_command
from compute_ref_kubernetes.labels import ALGORITHM, GUARD, labels, notes, pod_labels
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
ENTRY: Final = """\
(trap : TERM; eval "$1") &
trap 'asked=1; kill -TERM -1' TERM
while asked=; wait $!; code=$?; [ "$asked" ]; do :; done
exit $code
"""
SECCOMP: Final = {"type": "RuntimeDefault"}
CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}


def job_of(
    run: Run, name: str, server: str, once: Path, volume: Volume, options: Options, user: User
) -> dict[str, Any]:
    """The Job named `name` of the server named `server`, its algorithm run as `user`.

    `once` is the folder in which the run's first pod leaves its mark.
    """
    mounts = [volume.mount(once, "/once", False)]
    guard = _container(GUARD, run, ["sh", "-c", ONCE], mounts, {})
    algorithm = _algorithm(run, volume, options)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels(name, server),
            "annotations": notes(run),
        },
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": [_fail_on_disruption()]},
            "ttlSecondsAfterFinished": options.finished_ttl,
            **_deadline(run.limits, options),
            "template": {
                "metadata": {
                    "labels": pod_labels(run, name, server),
                    "annotations": notes(run),
                },
                "spec": _pod(guard, algorithm, volume, options, user),
            },
        },
    }


def image_reference(image: Image) -> str:
    """How a container runtime names the image."""
    return f"{image.name}@{image.checksum}" if image.checksum else f"{image.name}:{image.tag}"


def resources(limits: Limits) -> dict[str, str]:
    """What a container is given and held to; nothing for what is not limited."""
    found = {}
    if limits.cpus:
        found["cpu"] = f"{math.ceil(limits.cpus * 1000)}m"
    if limits.memory:
        found["memory"] = str(limits.memory)
    if limits.disk:
        found["ephemeral-storage"] = str(limits.disk + LOGS)
    return found


def _fail_on_disruption() -> dict[str, Any]:
    condition = {"type": "DisruptionTarget", "status": "True"}
    return {"action": "FailJob", "onPodConditions": [condition]}


def _deadline(limits: Limits, options: Options) -> dict[str, int]:
    """The cluster's own limit, for the time in which no server holds the exact one."""
    if not limits.seconds:
        return {}
    return {"activeDeadlineSeconds": math.ceil(limits.seconds) + options.pending_timeout + GRACE}


def _pod(
    guard: dict[str, Any],
    algorithm: dict[str, Any],
    volume: Volume,
    options: Options,
    user: User,
) -> dict[str, Any]:
    tmp = {"medium": "Memory", "sizeLimit": str(options.tmp_size)}
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE,
        "hostname": "compute",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user.uid,
            "runAsGroup": user.gid,
            "seccompProfile": SECCOMP,
        },
        "initContainers": [guard],
        "containers": [algorithm],
        "volumes": [volume.manifest(), {"name": "tmp", "emptyDir": tmp}],
        **_placement(options),
    }


def _placement(options: Options) -> dict[str, Any]:
    """Where pods may run and by what right, as far as the operator chose."""
    secrets = [{"name": name} for name in options.image_pull_secrets]
    chosen = {
        "nodeSelector": dict(options.node_selector),
        "tolerations": [dict(toleration) for toleration in options.tolerations],
        "runtimeClassName": options.runtime_class,
        "priorityClassName": options.priority_class,
        "imagePullSecrets": secrets,
    }
    return {key: value for key, value in chosen.items() if value}


def _algorithm(run: Run, volume: Volume, options: Options) -> dict[str, Any]:
    entrypoint = shell_command(run.entrypoint, "/data/transformations/algorithm")
    mounts = [*volume.mounts(run.folders), {"name": "tmp", "mountPath": TMP}]
    gpus = {options.gpu_resource: str(run.limits.gpus)} if run.limits.gpus else {}
    command = ["sh", "-c", ENTRY, "sh", entrypoint]
    variables = {"HOME": TMP, **environment_variables(run)}
    container = _container(ALGORITHM, run, command, mounts, gpus)
    env = [{"name": key, "value": _literal(value)} for key, value in variables.items()]
    return {**container, "env": env, "workingDir": "/data"}


def _container(
    name: str,
    run: Run,
    command: list[str],
    mounts: list[dict[str, Any]],
    further: Mapping[str, str],
) -> dict[str, Any]:
    held = {**resources(run.limits), **further}
    return {
        "name": name,
        "image": image_reference(run.image) if run.image else "",
        "imagePullPolicy": "IfNotPresent",
        "command": [_literal(word) for word in command],
        "resources": {"requests": held, "limits": held},
        "securityContext": CONFINED,
        "volumeMounts": mounts,
    }


def _literal(text: str) -> str:
    """`text` so that the cluster, which replaces ``$(NAME)``, leaves it as it is."""
    return text.replace("$", "$$")
