"""The API of a cluster as tests use it: an account that may do all, and what an account needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client

Object = dict[str, Any]


class Admin:
    """Everything in one namespace, by an account that may do all."""

    def __init__(self, api: client.ApiClient, namespace: str) -> None:
        self._namespace = namespace
        self.core: Any = client.CoreV1Api(api)
        self.batch: Any = client.BatchV1Api(api)
        self.networking: Any = client.NetworkingV1Api(api)

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
        items: list[Object] = answer(call, self._namespace, label_selector=selector)["items"]
        return items


def answer(call: Any, *args: Any, **options: Any) -> Object:
    """The JSON object that a call of the official client is answered with."""
    found: Object = json.loads(call(*args, **options, _preload_content=False).data)
    return found


def write_kubeconfig(file: str, cluster: Object, user: Object) -> None:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": cluster}],
        "users": [{"name": "test", "user": user}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "current-context": "test",
    }
    Path(file).write_text(yaml.safe_dump(content))
