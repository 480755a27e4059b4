"""A namespace of its own on the cluster of KUBECONFIG, deleted after the tests."""

from __future__ import annotations

import base64
import os
import secrets
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kubernetes import client, config

from tests.backends.kubernetes.access import Object, answer, write_kubeconfig
from tests.backends.kubernetes.deployment import manifests
from tests.backends.kubernetes.trial import try_out, usable_image
from tests.backends.kubernetes.wire import Wire

#: runs mount folders of the node, which other standards forbid
STANDARD = {"pod-security.kubernetes.io/enforce": "privileged"}


class RealCluster:
    """A cluster of one node, which sees this machine's folders under the same names."""

    emulated = False
    patience = 120

    def __init__(self, folder: Path) -> None:
        self.namespace = f"compute-ref-test-{secrets.token_hex(4)}"
        self.api = config.new_client_from_config(os.environ["KUBECONFIG"])
        self._core: Any = client.CoreV1Api(self.api)
        (self._node,) = answer(self._core.list_node)["items"]
        self.image = usable_image(self._node)
        host = urlsplit(self.api.configuration.host)
        assert host.hostname is not None
        self.wire = Wire((host.hostname, host.port or 443))
        meta = {"name": self.namespace, "labels": STANDARD}
        answer(self._core.create_namespace, {"metadata": meta})
        try:
            self._apply()
            self.kubeconfig = str(folder / "kubeconfig")
            server = f"{host.scheme}://127.0.0.1:{self.wire.port}{host.path}"
            cluster = {"server": server, **self._trust(host.hostname)}
            write_kubeconfig(self.kubeconfig, cluster, {"token": self._token()})
            try_out(self._core, self.namespace, self.image, folder)
        except BaseException:
            self.close()
            raise

    @property
    def address_of_this_machine(self) -> str:
        """How pods reach it: by the address with which it would speak to their node."""
        addresses = {one["type"]: one["address"] for one in self._node["status"]["addresses"]}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((addresses["InternalIP"], 9))
            return str(probe.getsockname()[0])

    def close(self) -> None:
        self.wire.close()
        self._core.delete_namespace(self.namespace, _preload_content=False)

    def _apply(self) -> None:
        access: Any = client.RbacAuthorizationV1Api(self.api)
        networking: Any = client.NetworkingV1Api(self.api)
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
        return str(answer(make, "compute-ref", self.namespace, request)["status"]["token"])

    def _trust(self, host: str) -> Object:
        """How the API is known to be what it is, as the kubeconfig has it."""
        found = self.api.configuration
        if not found.verify_ssl:
            return {"insecure-skip-tls-verify": True}
        data = found.ca_cert_data or Path(found.ssl_ca_cert).read_bytes()
        encoded = base64.b64encode(data.encode() if isinstance(data, str) else data).decode()
        name = found.tls_server_name or host
        return {"tls-server-name": name, "certificate-authority-data": encoded}
