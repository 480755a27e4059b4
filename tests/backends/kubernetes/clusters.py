"""The cluster that the tests are run against: that of KUBECONFIG, or else an emulated one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubernetes import client

from compute_ref.plugins import Image
from tests.backends.kubernetes.access import write_kubeconfig
from tests.backends.kubernetes.deployment import manifests
from tests.backends.kubernetes.emulated.apiserver import ACCOUNT, ADMIN
from tests.backends.kubernetes.emulated.cluster import IMAGE
from tests.backends.kubernetes.emulated.cluster import Cluster as Emulation
from tests.backends.kubernetes.real import RealCluster
from tests.backends.kubernetes.wire import Wire


class EmulatedCluster:
    """The fake of this folder; the server's account may do what the manifests' Role says."""

    emulated = True
    patience = 60
    address_of_this_machine = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self.namespace = "compute-ref"
        name, tag = IMAGE.split(":")
        self.image = Image(name, tag, "")
        self.emulation = Emulation()
        self.wire = Wire(self.emulation.api.address)
        self.kubeconfig = str(folder / "kubeconfig")
        write_kubeconfig(
            self.kubeconfig, {"server": f"http://127.0.0.1:{self.wire.port}"}, {"token": ACCOUNT}
        )
        host, port = self.emulation.api.address
        found = client.Configuration(host=f"http://{host}:{port}")
        found.api_key["authorization"] = f"Bearer {ADMIN}"
        self.api = client.ApiClient(found)
        for manifest in manifests("account.yaml"):
            if manifest["kind"] == "Role":
                self.emulation.api.rules = manifest["rules"]
        store = self.emulation.store
        store.create("namespaces", self.namespace, {"metadata": {"name": self.namespace}})
        for policy in manifests("network-policies.yaml"):
            store.create("networkpolicies", self.namespace, policy)

    def close(self) -> None:
        self.wire.close()
        self.emulation.close()


AnyCluster = EmulatedCluster | RealCluster


@contextmanager
def chosen_cluster(folder: Path) -> Iterator[AnyCluster]:
    """The cluster, for as long as the tests need it; its files are in `folder`."""
    cluster = RealCluster(folder) if os.environ.get("KUBECONFIG") else EmulatedCluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()
