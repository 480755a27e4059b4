"""The NetworkPolicy that keeps runs without network from any traffic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compute_ref.plugins import BackendUnavailable
from compute_ref_kubernetes.cluster import Cluster
from compute_ref_kubernetes.labels import NETWORK

NAME: Final = "compute-ref-no-network"
SELECTED: Final = {"matchLabels": {NETWORK: "none"}}


def fault(cluster: Cluster) -> str | None:
    """What is wrong with the policy, and the mend; None where it denies all that it should."""
    found = cluster.policy(NAME)
    if found is None:
        return f"there is no NetworkPolicy {NAME}: {_mend(cluster)}"
    if not _denies_all(found["spec"]):
        return f"the NetworkPolicy {NAME} lets something through: {_mend(cluster)}"
    return None


def require(cluster: Cluster) -> None:
    """Raise BackendUnavailable where a run without network would have one."""
    wrong = fault(cluster)
    if wrong is not None:
        raise BackendUnavailable(wrong)


def _denies_all(spec: Mapping[str, Any]) -> bool:
    types = sorted(spec.get("policyTypes", ()))
    rules = [*spec.get("ingress", ()), *spec.get("egress", ())]
    return spec.get("podSelector") == SELECTED and types == ["Egress", "Ingress"] and not rules


def _mend(cluster: Cluster) -> str:
    return f"kubectl -n {cluster.namespace} apply -f kubernetes/base/network-policies.yaml"
