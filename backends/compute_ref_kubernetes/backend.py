"""Runs algorithms as Jobs; the cluster keeps them going, the server sees each to its end."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from compute_ref.plugins import (
    AlgorithmUnavailable,
    Backend,
    BackendUnavailable,
    Exit,
    Handle,
    Limits,
    Run,
    Site,
)
from compute_ref.plugins.control import write
from compute_ref_kubernetes import checking, policies
from compute_ref_kubernetes.cluster import Cluster, Kind
from compute_ref_kubernetes.control import Control, Place
from compute_ref_kubernetes.images import reference
from compute_ref_kubernetes.keeping import Keeper
from compute_ref_kubernetes.labels import RUN, annotation, object_name
from compute_ref_kubernetes.manifest import Recipe
from compute_ref_kubernetes.observing import Observed
from compute_ref_kubernetes.options import Options
from compute_ref_kubernetes.removing import await_gone, clear
from compute_ref_kubernetes.users import User
from compute_ref_kubernetes.volume import Volume

STOPPED: Final = Exit(None)


class KubernetesBackend(Backend):
    """Jobs in one namespace, told from those of other servers by the id of the data folder."""

    runs_images = True

    def __init__(self, site: Site) -> None:
        self._options = Options.read(site.options)
        self._data_dir = site.data_dir
        self._cluster = Cluster(self._options.namespace, self._options.context)
        server = _server_id(site.data_dir / "kubernetes")
        volume, user = Volume.of(self._options, site), User.of(self._options)
        self._recipe = Recipe(server, volume, self._options, user)
        self._observed = Observed(self._cluster, server)
        self._keepers: dict[str, Keeper] = {}
        self._keeping = threading.Lock()

    def check(self) -> str:
        """Ask the cluster for all that is needed here; nothing is run."""
        version = checking.check(self._cluster, self._options, self._data_dir)
        volume, user = self._recipe.volume.described(), self._recipe.user.uid
        return (
            f"Kubernetes {version} at {self._cluster.address}, namespace"
            f" {self._cluster.namespace}, {volume}; as user {user}"
        )

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """How each limit holds; what depends on the cluster says so."""
        return checking.enforced(limits, self._options, self._recipe.user)

    def launch(self, run: Run) -> Handle:
        """Make the Job, and return once the algorithm was begun, or will never be."""
        name = self.name(run.job_id, run.number)
        control = self._place(name).control
        with control.deciding():
            if not self._launched(name, control):
                self._create(run, name, control)
        if not control.exit.exists():
            self._keeper(name).begun.wait()
        refused = control.read_unavailable()
        if refused is not None:
            raise AlgorithmUnavailable(refused)
        return Handle(name)

    def find(self, name: str) -> Handle | None:
        """By the Job, or by what is on record, once no launch of it is under way."""
        control = self._place(name).control
        if not control.folder.is_dir():
            return None
        with control.deciding():
            return Handle(name) if self._launched(name, control) else None

    def list(self) -> Collection[str]:
        """By the label of the data folder; a pod whose Job is gone counts too."""
        found = [
            each for kind in Kind for each in self._cluster.find(kind, self._observed.selector)[0]
        ]
        return {annotation(each, RUN) for each in found}

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        """On the run's keeper, which waits for what the cluster tells."""
        end = self._place(handle.name).control.read_exit()
        return end or self._keeper(handle.name).wait(timeout)

    def stop(self, name: str, grace: float) -> None:
        """Delete the Job, then its pods with the grace; what was not launched never is."""
        control = self._place(name).control
        with suppress(FileNotFoundError), control.deciding():  # so that no launch is under way
            control.write_cause(STOPPED)
        if not control.exit.exists():
            keeper = self._keeper(name)
            keeper.end(STOPPED, grace)
            keeper.wait(None)
            await_gone(self._observed, object_name(name))

    def remove(self, name: str) -> None:
        """Stop, then have the cluster forget the Job and its pods."""
        self.stop(name, 0)
        clear(self._cluster, self._observed, object_name(name))
        with self._keeping:
            self._keepers.pop(name, None)

    def close(self) -> None:
        """Watch no longer; Jobs go on."""
        self._observed.close()
        with self._keeping:
            keepers = list(self._keepers.values())
        for keeper in keepers:
            keeper.settled.wait()
        self._cluster.close()

    def _place(self, name: str) -> Place:
        return Place.of(self._data_dir, name)

    def _launched(self, name: str, control: Control) -> bool:
        """Whether nothing may be started any more under this name."""
        return control.launched or self._there(name)

    def _there(self, name: str) -> bool:
        """Whether the cluster has anything of the run."""
        sight = self._observed.fresh(object_name(name))
        return sight.job is not None or any(not pod.gone for pod in sight.pods)

    def _create(self, run: Run, name: str, control: Control) -> None:
        image = reference(run.image, self._options.registries)
        if control.stop.exists():
            control.write_exit(STOPPED)
            return
        if not run.network:
            policies.require(self._cluster)
        with self._keeping:
            self._keepers.pop(name, None)  # of a stop before there was anything to stop
        self._recipe.user.lend(run.folders, control)
        job = self._recipe.job(run, object_name(name), image, control.once)
        if not self._cluster.create_job(job) and not self._there(name):
            raise BackendUnavailable(f"another server has a Job named {object_name(name)}")

    def _keeper(self, name: str) -> Keeper:
        with self._keeping:
            if name not in self._keepers:
                self._keepers[name] = Keeper(
                    self._cluster,
                    self._observed,
                    object_name(name),
                    self._place(name),
                    self._options.pending_timeout,
                )
            return self._keepers[name]


def _server_id(folder: Path) -> str:
    """The id of the data folder, made once."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = folder / "id"
    if not known.exists():
        write(known, secrets.token_hex(8))
    return known.read_text(encoding="ascii")
