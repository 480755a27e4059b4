"""A backend on a data folder and a cluster, and algorithms for it to run."""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute_ref.jobs.workspace import Workspaces
from compute_ref.plugins import Exit, Handle, Limits, Run, Site
from compute_ref_kubernetes.backend import KubernetesBackend
from compute_ref_kubernetes.labels import object_name
from tests.backends.kubernetes.access import Admin
from tests.backends.kubernetes.clusters import AnyCluster, EmulatedCluster, chosen_cluster

PATIENCE = 120  # seconds of real time, after which a test gives up


class Place:
    """A data folder, the backend on it, and the runs that were made."""

    def __init__(self, data_dir: Path, cluster: AnyCluster, **options: Any) -> None:
        self.data_dir = data_dir
        self.cluster = cluster
        self.admin = Admin(cluster.api, cluster.namespace)
        self.options = {"namespace": cluster.namespace, **options}
        self.backends: list[KubernetesBackend] = []
        self.backend = self.another_backend()
        self.workspaces = Workspaces(data_dir)
        self.runs: list[Run] = []
        self._numbers = itertools.count()

    def another_backend(self, host_data_dir: Path | None = None) -> KubernetesBackend:
        """As the next server on the same folder has it."""
        host = host_data_dir or self.data_dir
        backend = KubernetesBackend(Site(self.options, self.data_dir, host, True))
        self.backends.append(backend)
        return backend

    def restart(self) -> None:
        """The server ends and another one begins."""
        self.backend.close()
        self.backend = self.another_backend()

    def run(
        self,
        entrypoint: str,
        *,
        code: str = "",
        network: bool = False,
        job_id: str = "",
        **limits: Any,
    ) -> Run:
        """A run ready to launch; `code` is the algorithm's text."""
        job_id = job_id or f"job{next(self._numbers)}z{secrets.token_hex(4)}"
        folders = self.workspaces.fresh(job_id, 1)
        (folders.inputs / "data").write_text(f"the input of {job_id}")
        (folders.transformations / "algorithm").write_text(code)
        (folders.transformations / "algorithm").chmod(0o755)
        variables = {"secret": secrets.token_hex(16)}
        image = self.cluster.image
        run = Run(job_id, 1, entrypoint, image, variables, folders, Limits(**limits), network)
        self.runs.append(run)
        return run

    def name(self, run: Run) -> str:
        return self.backend.name(run.job_id, run.number)

    def pods(self, run: Run) -> list[dict[str, Any]]:
        return self.admin.pods(object_name(self.name(run)))

    def pod(self, run: Run) -> str:
        """The name of the one pod of a run."""
        (pod,) = self.pods(run)
        return str(pod["metadata"]["name"])

    def wait(self, handle: Handle) -> Exit:
        end = self.backend.wait(handle, PATIENCE)
        assert end is not None, "the run did not end"
        return end

    def finish(self, run: Run) -> Exit:
        """Launch and wait to the end."""
        return self.wait(self.backend.launch(run))

    def recalled(self, end: Exit, code: int) -> Exit:
        """`end`, with the code of a deleted pod's algorithm where a real node has forgotten it."""
        forgotten = end.code is None and not self.cluster.emulated
        return replace(end, code=code) if forgotten else end

    def log(self, run: Run) -> str:
        path = run.folders.logs / "algorithm.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def ready(self, run: Run) -> None:
        """Return once the algorithm has said so."""
        self.until(lambda: "ready" in self.log(run))

    def output(self, run: Run, name: str) -> str:
        return (run.folders.outputs / name).read_text()

    def until(self, true: Callable[[], object]) -> None:
        """Return once `true()` is."""
        pause = threading.Event()
        for _ in range(20 * PATIENCE):
            if true():
                return
            pause.wait(0.05)
        raise AssertionError("it did not come to pass")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnyCluster]:
    with chosen_cluster(tmp_path_factory.mktemp("cluster")) as found:
        yield found


@pytest.fixture
def make_place(
    tmp_path: Path, cluster: AnyCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Place]]:
    """Places with options of their own."""
    made: list[Place] = []
    monkeypatch.setenv("KUBECONFIG", cluster.kubeconfig)

    def make(**options: Any) -> Place:
        data_dir = tmp_path / f"data{len(made)}"
        data_dir.mkdir(mode=0o711)
        options.setdefault("pending_timeout", cluster.patience)
        made.append(Place(data_dir, cluster, **options))
        return made[-1]

    yield make
    for place in made:
        cluster.wire.mend()
        for run in place.runs:
            place.backend.remove(place.name(run))
            assert place.pods(run) == []
        for backend in place.backends:
            backend.close()


@pytest.fixture
def place(make_place: Callable[..., Place]) -> Place:
    return make_place()


@pytest.fixture
def emulated(cluster: AnyCluster) -> EmulatedCluster:
    """For what cannot be brought about on a real cluster."""
    if not isinstance(cluster, EmulatedCluster):
        pytest.skip("what this is about cannot be brought about on a real cluster")
    return cluster


@pytest.fixture(scope="session")
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
