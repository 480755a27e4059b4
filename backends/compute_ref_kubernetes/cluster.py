"""The cluster's API, in plain JSON objects: the one module that knows the official client.

What the cluster or the way to it refuses is BackendUnavailable, with what to do about it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError
from yaml import YAMLError

from compute_ref.plugins import BackendUnavailable
from compute_ref_kubernetes.streams import Stream

Object = Mapping[str, Any]

CALL: Final = (5.0, 30.0)  #: seconds to connect and to be answered in
WATCH: Final = 240  #: seconds after which the cluster ends a watch by itself
SPARE: Final = 20.0  #: seconds that it may be late with that
SILENCE: Final = 300.0  #: seconds after which a log in which nothing happens is asked for anew
CONNECTIONS: Final = 256  #: kept open at once; each running algorithm has one
KUBECONFIG: Final = "~/.kube/config"


class Kind(StrEnum):
    """What is watched."""

    JOBS = "jobs"
    PODS = "pods"


class Expired(Exception):
    """The cluster has forgotten the version from which a watch was to go on."""


class Cluster:
    """One namespace of one cluster. Every method may be called from any thread."""

    def __init__(self, namespace: str, context: str = "") -> None:
        self.namespace = namespace
        found = _configuration(context)
        self.address: str = found.host
        self._client = client.ApiClient(found)
        self._core = client.CoreV1Api(self._client)
        self._batch = client.BatchV1Api(self._client)
        self._lists: Mapping[Kind, Callable[..., Any]] = {
            Kind.JOBS: self._batch.list_namespaced_job,
            Kind.PODS: self._core.list_namespaced_pod,
        }

    def close(self) -> None:
        """Let go of idle connections."""
        self._client.close()

    def version(self) -> str:
        """What the cluster calls its version."""
        answer = self._ask(client.VersionApi(self._client).get_code)
        return str((answer or {}).get("gitVersion", "of unknown version"))

    def may(self, verb: str, resource: str, name: str = "") -> bool:
        """Whether our account may do something here; `resource` is like ``jobs.batch``."""
        plain, _, group = resource.partition(".")
        plain, _, part = plain.partition("/")
        attributes = {"namespace": self.namespace, "verb": verb, "group": group, "resource": plain}
        attributes |= {"subresource": part, "name": name}
        review = {"spec": {"resourceAttributes": attributes}}
        api = client.AuthorizationV1Api(self._client)
        answer = self._ask(api.create_self_subject_access_review, review) or {}
        return answer.get("status", {}).get("allowed") is True

    def there(self) -> bool:
        """Whether there is such a namespace."""
        return self._ask(self._core.read_namespace, self.namespace) is not None

    def claim(self, name: str) -> Object | None:
        """A PersistentVolumeClaim."""
        return self._ask(self._core.read_namespaced_persistent_volume_claim, name, self.namespace)

    def policy(self, name: str) -> Object | None:
        """A NetworkPolicy."""
        api = client.NetworkingV1Api(self._client)
        return self._ask(api.read_namespaced_network_policy, name, self.namespace)

    def create_job(self, job: Object) -> bool:
        """Make a Job; False where there is one of that name already."""
        try:
            self._ask(self._batch.create_namespaced_job, self.namespace, job)
        except _Exists:
            return False
        return True

    def job(self, name: str) -> Object | None:
        """A Job."""
        return self._ask(self._batch.read_namespaced_job, name, self.namespace)

    def find(self, kind: Kind, selector: str) -> tuple[list[Object], str]:
        """All of a kind that labels select, and the version of the list."""
        found = self._ask(self._lists[kind], self.namespace, label_selector=selector) or {}
        version = str(found.get("metadata", {}).get("resourceVersion", ""))
        return list(found.get("items") or []), version

    @contextmanager
    def watch(self, kind: Kind, selector: str, version: str) -> Iterator[Stream]:
        """What happens to a kind from `version` on, one JSON event a line; raises Expired."""
        options = {"label_selector": selector, "resource_version": version}
        with (
            _answered(),
            self._stream(
                self._lists[kind],
                self.namespace,
                **options,
                watch=True,
                allow_watch_bookmarks=True,
                timeout_seconds=WATCH,
                _request_timeout=(CALL[0], WATCH + SPARE),
            ) as stream,
        ):
            yield stream

    @contextmanager
    def log(self, pod: str, container: str, *, follow: bool) -> Iterator[Stream | None]:
        """All that a container said and, with `follow`, says; each line begins with its time.

        None where the pod is gone, or has not said anything yet.
        """
        options = {"container": container, "follow": follow, "timestamps": True}
        timeout = (CALL[0], SILENCE if follow else CALL[1])
        read = self._core.read_namespaced_pod_log
        try:
            with (
                _answered(),
                self._stream(
                    read, pod, self.namespace, **options, _request_timeout=timeout
                ) as stream,
            ):
                yield stream
        except _Missing:
            yield None

    def events(self, name: str) -> list[Object]:
        """What the cluster has to say about an object, oldest first."""
        selector = f"involvedObject.name={name}"
        found = self._ask(self._core.list_namespaced_event, self.namespace, field_selector=selector)
        return list((found or {}).get("items") or [])

    def delete_job(self, name: str) -> None:
        """Delete a Job once its pods are gone, which go too; it may be gone already."""
        delete = self._batch.delete_namespaced_job
        self._ask(delete, name, self.namespace, propagation_policy="Foreground")

    def delete_pod(self, name: str, grace: int) -> None:
        """End a pod by TERM and, `grace` seconds later, KILL; it may be gone already.

        0 takes it off the books at once, whether its processes have ended or not.
        """
        delete = self._core.delete_namespaced_pod
        self._ask(delete, name, self.namespace, grace_period_seconds=grace)

    def _ask(self, call: Callable[..., Any], *args: Any, **options: Any) -> Object | None:
        """The JSON object that a call is answered with, or None where there is no such object."""
        options = {**options, "_preload_content": False, "_request_timeout": CALL}
        try:
            with _answered():
                answer: Object = json.loads(call(*args, **options).data)
                return answer
        except _Missing:
            return None

    @contextmanager
    def _stream(self, call: Callable[..., Any], *args: Any, **options: Any) -> Iterator[Stream]:
        response = call(*args, **options, _preload_content=False)
        stream = Stream(response)
        try:
            yield stream
        finally:
            stream.close()


class _Missing(Exception):
    """There is no such object."""


class _Exists(Exception):
    """There is such an object already."""


@contextmanager
def _answered() -> Iterator[None]:
    """What the client raises, in our words."""
    try:
        yield
    except ApiException as refused:
        raise _refusal(refused) from refused
    except (HTTPError, OSError, ValueError) as failed:
        raise BackendUnavailable(f"the cluster did not answer: {failed}") from failed


def _refusal(refused: ApiException) -> Exception:
    reason, said = _status(refused)
    if refused.status == 410:
        return Expired()
    if refused.status == 404:
        return _Missing()
    if refused.status == 409 and reason == "AlreadyExists":
        return _Exists()
    return BackendUnavailable(f"the cluster refused ({refused.status}): {said}")


def _status(refused: ApiException) -> tuple[str, str]:
    """Reason and message of the Status object that a refusal comes with."""
    try:
        status = json.loads(refused.body or "")
    except ValueError:
        status = {}
    if not isinstance(status, dict):
        status = {}
    return str(status.get("reason", "")), str(status.get("message") or refused.reason)


def _configuration(context: str) -> Any:
    """The kubeconfig's cluster and account or, without one, those of the pod that we are."""
    found = client.Configuration()
    file = os.environ.get("KUBECONFIG") or KUBECONFIG
    try:
        if any(Path(one).expanduser().exists() for one in file.split(os.pathsep) if one):
            config.load_kube_config(file, context or None, client_configuration=found)
        else:
            config.load_incluster_config(client_configuration=found)
    except (config.ConfigException, YAMLError, OSError) as broken:
        raise BackendUnavailable(
            f"no cluster is configured ({broken}): name a kubeconfig in KUBECONFIG, or run the"
            " server in a pod with a service account"
        ) from broken
    found.connection_pool_maxsize = CONNECTIONS
    found.retries = 1  # for a kept connection that the cluster has closed meanwhile
    return found
