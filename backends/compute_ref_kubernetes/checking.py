"""What keeps the backend from working, and what to do about it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from compute_ref.plugins import BackendUnavailable, Limits
from compute_ref_kubernetes import policies
from compute_ref_kubernetes.cluster import Cluster
from compute_ref_kubernetes.options import Options
from compute_ref_kubernetes.users import User

#: what our account has to be allowed: verbs, what, and the one it is about, "" for all
NEEDED: Final = (
    (("create", "get", "list", "watch", "delete"), "jobs.batch", ""),
    (("list", "watch", "delete"), "pods", ""),
    (("get",), "pods/log", ""),
    (("list",), "events", ""),
    (("get",), "networkpolicies.networking.k8s.io", policies.NAME),
)
NO: Final = "no"


def check(cluster: Cluster, options: Options, data_dir: Path) -> str:
    """The cluster's version, or BackendUnavailable with everything that has to be mended."""
    version = cluster.version()
    wrong = "; ".join(_findings(cluster, options, data_dir))
    if wrong:
        raise BackendUnavailable(wrong)
    return version


def _findings(cluster: Cluster, options: Options, data_dir: Path) -> Iterator[str]:
    yield from _unwritable(data_dir)
    namespace = cluster.namespace
    if not cluster.may("get", "namespaces", namespace):
        yield f"our account may not get the namespace {namespace}: {_grant(cluster)}"
    elif not cluster.there():
        yield (
            f"there is no namespace {namespace}: kubectl create namespace {namespace}, or name"
            " another in backends.kubernetes.namespace"
        )
        return
    missing = _forbidden(cluster, options)
    if missing:
        yield f"our account may not {', '.join(missing)}: {_grant(cluster)}"
        return
    wrong = policies.fault(cluster)
    if wrong is not None:
        yield wrong
    if options.claim:
        yield from _claim(cluster, options.claim)


def _forbidden(cluster: Cluster, options: Options) -> list[str]:
    claim = ((("get",), "persistentvolumeclaims", options.claim),) if options.claim else ()
    return [
        f"{verb} {resource}"
        for verbs, resource, name in (*NEEDED, *claim)
        for verb in verbs
        if not cluster.may(verb, resource, name)
    ]


def _claim(cluster: Cluster, name: str) -> Iterator[str]:
    claim = cluster.claim(name)
    if claim is None:
        yield (
            f"there is no claim {name} in the namespace {cluster.namespace}: make it, or name"
            " another in backends.kubernetes.claim"
        )
    elif claim.get("status", {}).get("phase") == "Lost":
        yield f"the claim {name} has lost its volume: restore that, or make another claim"


def _unwritable(data_dir: Path) -> Iterator[str]:
    try:
        with tempfile.TemporaryFile(dir=data_dir):
            return
    except OSError as failed:
        yield (
            f"{data_dir} cannot be written ({failed.strerror}): give it to the server's user"
            f" {os.geteuid()}, by fsGroup where the server is a pod"
        )


def _grant(cluster: Cluster) -> str:
    return f"kubectl -n {cluster.namespace} apply -f kubernetes/base/account.yaml"


def enforced(limits: Limits, options: Options, user: User) -> dict[str, str]:
    """How each limit and isolation holds."""
    late = options.pending_timeout
    return {
        "time": f"by the server, and {late} s later by the cluster" if limits.seconds else NO,
        "cpu": "by a control group" if limits.cpus else NO,
        "memory": "by a control group, /tmp included" if limits.memory else NO,
        "disk": "outputs watched every 250 ms, while the server runs" if limits.disk else NO,
        "processes": NO,
        "filesystem": "own root, all but outputs and a bounded /tmp read-only",
        "network": "by a NetworkPolicy, unless the datasets allow it; holds only where the"
        " cluster's network plug-in enforces policies",
        "user": f"user {user.uid} without privileges or capabilities",
    }
