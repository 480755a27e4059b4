"""The Kubernetes backend keeps the contract of all backends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from compute_ref.plugins import Backend, Exit, Image, Site
from compute_ref.testing.backend_contract import BackendContract, Server
from compute_ref.testing.backend_contract.network import door
from compute_ref_kubernetes import backends
from compute_ref_kubernetes.labels import object_name
from tests.backends.kubernetes.access import Admin
from tests.backends.kubernetes.clusters import AnyCluster


class TestKubernetes(BackendContract):
    not_held = frozenset({"processes"})

    @pytest.fixture(autouse=True)
    def where(self, cluster: AnyCluster) -> None:
        """How algorithms reach this machine there, and how long things take."""
        self.cluster = cluster
        self.host = cluster.address_of_this_machine
        self.patience = cluster.patience

    def connecting(self, host: str, port: int) -> str:
        if self.cluster.emulated:  # a shell of this machine, where nc may be missing
            return f"timeout 5 bash -c ': <> /dev/tcp/{host}/{port}'"
        return super().connecting(host, port)

    @pytest.fixture
    def new_backend(
        self, cluster: AnyCluster, data_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], Backend]:
        monkeypatch.setenv("KUBECONFIG", cluster.kubeconfig)
        options = {
            "namespace": cluster.namespace,
            "pending_timeout": 15 if cluster.emulated else 60,
        }
        site = Site(options, data_dir, data_dir, loopback=True)
        return lambda: backends()["kubernetes"](site)

    @pytest.fixture
    def image(self, cluster: AnyCluster) -> Image:
        return cluster.image

    def test_without_network_it_reaches_nobody(self, server: Server) -> None:
        """A policy denies it, though pods have routes; whether it is heeded is the cluster's."""
        assert self.holds(server, "network", server.script("true").limits)
        with door(self.host) as opened:
            command = self.connecting(self.host, opened.port)
            run = server.script(f'{command}\necho $? > "$OUTPUTS/code"')
            handle = server.backend.launch(run)
            (pod,) = Admin(self.cluster.api, self.cluster.namespace).pods(object_name(handle.name))
            assert server.end(handle) == Exit(0)
        assert pod["metadata"]["labels"]["compute-ref/network"] == "none"
        if self.cluster.emulated or os.environ.get("KUBERNETES_TEST_POLICIES"):
            assert opened.came == 0
            assert server.output(run, "code").strip() not in ("0", "127")
