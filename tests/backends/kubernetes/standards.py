"""The restricted Pod Security Standard, as far as it speaks of what a pod says itself."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"),
    *("projected", "secret"),
}


def breaches(pod: Object) -> list[str]:
    """What in a pod's spec the restricted standard does not allow."""
    found = [f"{key} is set" for key in ("hostNetwork", "hostPID", "hostIPC") if pod.get(key)]
    for volume in pod.get("volumes", ()):
        found += [f"a volume of {kind}" for kind in volume.keys() - VOLUMES - {"name"}]
    context = pod.get("securityContext", {})
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        found.append("no seccomp profile")
    if context.get("runAsUser") == 0:
        found.append("runs as root")
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        found += [f"{container['name']}: {fault}" for fault in _of_container(container, context)]
    return found


def _of_container(container: Object, pod: Object) -> list[str]:
    context = container.get("securityContext", {})
    faults = {
        "privileged": context.get("privileged"),
        "may gain privileges": context.get("allowPrivilegeEscalation") is not False,
        "keeps capabilities": context.get("capabilities") != {"drop": ["ALL"]},
        "may be root": not context.get("runAsNonRoot", pod.get("runAsNonRoot")),
        "runs as root": context.get("runAsUser") == 0,
        "has a host port": any(port.get("hostPort") for port in container.get("ports", ())),
    }
    return [fault for fault, there in faults.items() if there]
