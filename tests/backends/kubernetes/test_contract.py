"""The Kubernetes backend keeps the contract."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from compute_ref.plugins import BackendFactory, Image
from compute_ref.testing.backend_contract import BackendContract, Bench
from compute_ref.testing.backend_contract.listening import listening
from compute_ref_kubernetes import backends
from compute_ref_kubernetes.labels import object_name
from tests.backends.kubernetes.clusters import Admin, AnyCluster

ASK = 'at=${0#*//}; port=${at#*:}; ask="GET /${at#*/} HTTP/1.0\\r\\n\\r\\n"; '
BASH = f'bash -c \'{ASK}exec 3<>/dev/tcp/${{at%%:*}}/${{port%%/*}} && printf "$ask" >&3 && '
BUSYBOX = f"sh -c '{ASK}printf \"$ask\" | nc -w 5 ${{at%%:*}} ${{port%%/*}} | grep -q 200'"


class TestKubernetes(BackendContract):
    unheld = frozenset({"processes"})

    @pytest.fixture(autouse=True)
    def where(self, cluster: AnyCluster) -> None:
        """How algorithms reach this machine there, and how long things take."""
        self.cluster = cluster
        self.reachable_at = cluster.address_of_this_machine
        self.fetch = f"{BASH}grep -q 200 <&3'" if cluster.emulated else BUSYBOX
        self.patience = cluster.patience

    @pytest.fixture
    def options(self, cluster: AnyCluster) -> Mapping[str, Any]:
        return {"namespace": cluster.namespace, "pending_timeout": 5 if cluster.emulated else 30}

    @pytest.fixture
    def make_backend(self, cluster: AnyCluster, monkeypatch: pytest.MonkeyPatch) -> BackendFactory:
        monkeypatch.setenv("KUBECONFIG", cluster.kubeconfig)
        return backends()["kubernetes"]

    @pytest.fixture
    def image(self, cluster: AnyCluster) -> Image:
        return cluster.image

    def test_without_leave_there_is_no_network(self, bench: Bench) -> None:
        """A policy denies it, though pods have routes; whether it is heeded is the cluster's."""
        assert self.holds(bench, "network")
        with listening(self.reachable_at or "127.0.0.1") as server:
            run = bench.run(f'{self.fetch} {server.url}/came; echo $? > "$OUTPUTS/code"')
            handle = bench.launch(run)
            (pod,) = Admin(self.cluster).pods(object_name(handle.name))
            assert bench.end(handle).code == 0
        assert pod["metadata"]["labels"]["compute-ref/network"] == "none"
        if self.cluster.emulated or os.environ.get("COMPUTE_REF_TEST_POLICIES"):
            assert server.came == []
            assert int(bench.output(run, "code")) not in (0, 127)
