"""The clusters that the tests are run against: an emulated one, or a real one.

A real one is that of KUBECONFIG; it has to have one node, on which this machine's folders are.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes import client, config

from compute_ref.plugins import Image
from tests.backends.kubernetes.emulated.apiserver import ACCOUNT, ADMIN
from tests.backends.kubernetes.emulated.cluster import IMAGE as EMULATED_IMAGE
from tests.backends.kubernetes.emulated.cluster import Cluster as Emulation
from tests.backends.kubernetes.wire import Wire

ROOT = Path(__file__).parents[3]
BASE = ROOT / "kubernetes/base"
Object = dict[str, Any]


class Admin:
    """Everything in one namespace, by an account that may do all."""

    def __init__(self, cluster: AnyCluster) -> None:
        self._namespace = cluster.namespace
        self.core: Any = client.CoreV1Api(cluster.admin)
        self.batch: Any = client.BatchV1Api(cluster.admin)
        self.networking: Any = client.NetworkingV1Api(cluster.admin)

    def pods(self, run: str) -> list[Object]:
        """The pods of a run that the cluster shows."""
        return self._list(self.core.list_namespaced_pod, f"compute-ref/object={run}")

    def jobs(self) -> list[Object]:
        return self._list(self.batch.list_namespaced_job, "")

    def delete_pod(self, name: str, grace: int = 1) -> None:
        self.core.delete_namespaced_pod(
            name, self._namespace, grace_period_seconds=grace, _preload_content=False
        )

    def delete_job(self, name: str) -> None:
        self.batch.delete_namespaced_job(
            name, self._namespace, propagation_policy="Background", _preload_content=False
        )

    def _list(self, call: Any, selector: str) -> list[Object]:
        items: list[Object] = _json(call, self._namespace, label_selector=selector)["items"]
        return items


class EmulatedCluster:
    """The fake of this folder; the server's account may do what the manifests' Role says."""

    emulated = True
    patience = 60
    address_of_this_machine = "127.0.0.1"

    def __init__(self, folder: Path) -> None:
        self.namespace = "compute-ref"
        name, tag = EMULATED_IMAGE.split(":")
        self.image = Image(name, tag, "")
        self.emulation = Emulation()
        self.wire = Wire(self.emulation.api.address)
        self.kubeconfig = str(folder / "kubeconfig")
        _write_kubeconfig(
            self.kubeconfig, {"server": f"http://127.0.0.1:{self.wire.port}"}, {"token": ACCOUNT}
        )
        host, port = self.emulation.api.address
        found = client.Configuration(host=f"http://{host}:{port}")
        found.api_key["authorization"] = f"Bearer {ADMIN}"
        self.admin = client.ApiClient(found)
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


class RealCluster:
    """A namespace of its own on a real cluster, made for the tests and deleted after them."""

    emulated = False
    patience = 120

    def __init__(self, folder: Path) -> None:
        self.namespace = f"compute-ref-test-{secrets.token_hex(4)}"
        self.admin = config.new_client_from_config(os.environ["KUBECONFIG"])
        self._core: Any = client.CoreV1Api(self.admin)
        name, _, tag = self._find_image().rpartition(":")
        self.image = Image(name, tag, "")
        host = urlsplit(self.admin.configuration.host)
        assert host.hostname is not None
        self.wire = Wire((host.hostname, host.port or 443))
        _json(self._core.create_namespace, {"metadata": {"name": self.namespace}})
        self._apply()
        self.kubeconfig = str(folder / "kubeconfig")
        cluster = {
            "server": f"https://127.0.0.1:{self.wire.port}",
            "tls-server-name": host.hostname,
            "certificate-authority-data": self._authority(),
        }
        _write_kubeconfig(self.kubeconfig, cluster, {"token": self._token()})

    @property
    def address_of_this_machine(self) -> str:
        """How pods reach it: as the one node, on which we are."""
        (node,) = _json(self._core.list_node)["items"]
        addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
        return str(addresses["InternalIP"])

    def close(self) -> None:
        self.wire.close()
        self._core.delete_namespace(self.namespace, _preload_content=False)

    def _apply(self) -> None:
        access: Any = client.RbacAuthorizationV1Api(self.admin)
        networking: Any = client.NetworkingV1Api(self.admin)
        make: dict[str, Any] = {
            "ServiceAccount": self._core.create_namespaced_service_account,
            "Role": access.create_namespaced_role,
            "RoleBinding": access.create_namespaced_role_binding,
            "NetworkPolicy": networking.create_namespaced_network_policy,
        }
        for manifest in (*manifests("account.yaml"), *manifests("network-policies.yaml")):
            for subject in manifest.get("subjects", ()):
                subject["namespace"] = self.namespace
            make[manifest["kind"]](self.namespace, manifest, _preload_content=False)

    def _token(self) -> str:
        request = {"spec": {"audiences": [], "expirationSeconds": 7200}}
        make = self._core.create_namespaced_service_account_token
        return str(_json(make, "compute-ref", self.namespace, request)["status"]["token"])

    def _authority(self) -> str:
        found = self.admin.configuration
        data = found.ca_cert_data or Path(found.ssl_ca_cert).read_bytes()
        return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()

    def _find_image(self) -> str:
        """The configured one, or a busybox that a node has."""
        if "COMPUTE_REF_TEST_IMAGE" in os.environ:
            return os.environ["COMPUTE_REF_TEST_IMAGE"]
        names = [
            name
            for node in _json(self._core.list_node)["items"]
            for image in node["status"].get("images", ())
            for name in image.get("names") or ()
            if "busybox" in name and "@" not in name
        ]
        assert names, "no node has a busybox: name an image in COMPUTE_REF_TEST_IMAGE"
        return str(names[0])


AnyCluster = EmulatedCluster | RealCluster


@contextmanager
def chosen_cluster() -> Iterator[AnyCluster]:
    """The real one where KUBECONFIG names it, else the emulated one."""
    with tempfile.TemporaryDirectory() as folder:
        real = bool(os.environ.get("KUBECONFIG"))
        cluster = RealCluster(Path(folder)) if real else EmulatedCluster(Path(folder))
        try:
            yield cluster
        finally:
            cluster.close()


def manifests(name: str) -> list[Object]:
    """The objects of one file of the deployment manifests."""
    return [one for one in yaml.safe_load_all((BASE / name).read_text()) if one]


def _json(call: Any, *args: Any, **options: Any) -> Object:
    answer: Object = json.loads(call(*args, **options, _preload_content=False).data)
    return answer


def _write_kubeconfig(file: str, cluster: Object, user: Object) -> None:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    Path(file).write_text(yaml.safe_dump(content))
