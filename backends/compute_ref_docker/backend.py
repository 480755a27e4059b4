"""Runs algorithms as containers, each seen through by a watch; the daemon keeps them going."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from compute_ref.plugins import (
    AlgorithmUnavailable,
    Backend,
    Exit,
    Handle,
    Limits,
    Run,
    Site,
)
from compute_ref.plugins.control import write
from compute_ref.plugins.folders import give
from compute_ref_docker.containers import Containers
from compute_ref_docker.creation import Recipe, without_shell
from compute_ref_docker.daemon import Daemon, Refused
from compute_ref_docker.images import Images, LocalImage
from compute_ref_docker.manner import Manner
from compute_ref_docker.options import Options
from compute_ref_docker.places import Place, Places
from compute_ref_docker.probing import Trial
from compute_ref_docker.watch import Watch

logger = logging.getLogger("compute_ref.docker")

SETTLING: Final = 15.0  # seconds that a watch may take to settle a run that has ended
NEVER: Final = Exit(None)  # of a run that was stopped before its launch
NO_SHELL: Final = "The image has no shell (sh) to run the entrypoint, or is for another machine."


class DockerBackend(Backend):
    """Containers of one daemon, as a user of no privileges where the server is root."""

    runs_images = True

    def __init__(self, site: Site) -> None:
        self._options = Options.read(site.options)
        self._root = os.geteuid() == 0
        self._places = Places(site.data_dir, site.host_data_dir, self._root)
        self._daemon = Daemon(self._options.host)
        self._containers = Containers(self._daemon, self._places.prepare())
        self._images = Images(self._daemon, self._options)
        self._recipe: Recipe | None = None
        self._finding = threading.Lock()
        self._watches: dict[str, Watch] = {}
        self._watching = threading.Lock()

    def check(self) -> str:
        """Ask the daemon what it has, run an empty container, tell what should be mended."""
        with self._finding:
            self._recipe = self._find_recipe()
        for finding in self._recipe.manner.findings():
            logger.warning("%s", finding)
        return self._recipe.manner.described()

    def enforced(self, limits: Limits) -> Mapping[str, str]:
        """How each limit holds, as :meth:`check` found it."""
        recipe = self._found_recipe()
        return recipe.manner.enforced(limits, recipe.uid)

    def launch(self, run: Run) -> Handle:
        """Get the image, make the container, put on record that it starts, start it."""
        name = self.name(run.job_id, run.number)
        place = self._places.of(name)
        if not self._launched(name, place):
            recipe, image = self._found_recipe(), self._obtain(run, place)
            with place.control.deciding():
                self._launch(run, name, recipe, image)
        self._watch(name)
        return Handle(name)

    def find(self, name: str) -> Handle | None:
        """By the container, or by what is on record, once no launch of it is under way."""
        place = self._places.of(name)
        if not place.folders.control.is_dir():
            return None
        with place.control.deciding():
            if not self._launched(name, place):
                return None
        self._watch(name)
        return Handle(name)

    def list(self) -> Collection[str]:
        """Every container with the label of this data folder."""
        return self._containers.names()

    def wait(self, handle: Handle, timeout: float | None) -> Exit | None:
        """On the run's watch, which waits on the daemon."""
        watch = self._watch(handle.name)
        return watch.end if watch.settled.wait(timeout) else None

    def stop(self, name: str, grace: float) -> None:
        """TERM to every process, KILL after the grace; what is not started yet never is."""
        place = self._places.of(name)
        with suppress(FileNotFoundError):
            write(place.control.stop, str(grace))
            with place.control.deciding():  # so that no start is under way
                pass
        container = self._containers.find(name)
        if container is None or container.started is None:
            return
        if container.running:
            self._containers.end(container.id, grace)
        self._watch(name).settled.wait(SETTLING)

    def remove(self, name: str) -> None:
        """Stop, then remove the container; its image stays for the next run."""
        self.stop(name, 0)
        self._containers.remove(name)
        self._forget(name)

    def close(self) -> None:
        """Watch no longer; containers go on."""
        with self._watching:
            for watch in self._watches.values():
                watch.close()
            self._watches.clear()
        self._daemon.close()

    def _launched(self, name: str, place: Place) -> bool:
        """Whether nothing may be started any more under this name: it was, or may have been."""
        if place.control.exit.exists():
            return True
        container = self._containers.find(name)
        if container is not None and container.started is not None:
            return True
        if not place.control.started.exists():
            return False
        return container is None or self._containers.may_have_started(container)

    def _launch(self, run: Run, name: str, recipe: Recipe, image: LocalImage) -> None:
        place = self._places.of(name)
        if self._launched(name, place):
            return
        made = self._made(run, name, recipe, image)
        if place.control.stop.exists():
            place.control.write_exit(NEVER)
            return
        if self._root:
            give(run.folders, recipe.uid)
        write(place.control.started, "")
        try:
            self._containers.start(made)
        except Refused as refused:
            self._refuse(name, place, refused)
        self._forget(name)

    def _made(self, run: Run, name: str, recipe: Recipe, image: LocalImage) -> str:
        """The run's container, which an earlier server may have made and never started."""
        found = self._containers.find(name)
        if found is not None:
            return found.id
        return self._containers.create(name, recipe.told(run, image), recipe.labels(run))

    def _refuse(self, name: str, place: Place, refused: Refused) -> None:
        """Take back what is known not to have started, and say why."""
        place.control.started.unlink()
        self._containers.remove(name)
        if without_shell(str(refused)):
            raise AlgorithmUnavailable(NO_SHELL) from refused
        raise refused

    def _obtain(self, run: Run, place: Place) -> LocalImage:
        if run.image is None:
            raise AlgorithmUnavailable("The algorithm's container does not name an image.")
        return self._images.obtain(run.image, place.control.stop.exists)

    def _watch(self, name: str) -> Watch:
        with self._watching:
            if name not in self._watches:
                self._watches[name] = Watch(self._containers, name, self._places.of(name))
            return self._watches[name]

    def _forget(self, name: str) -> None:
        with self._watching:
            watch = self._watches.pop(name, None)
        if watch is not None:
            watch.close()

    def _found_recipe(self) -> Recipe:
        with self._finding:
            if self._recipe is None:
                self._recipe = self._find_recipe()
            return self._recipe

    def _find_recipe(self) -> Recipe:
        with self._daemon.asked() as api:
            manner = Manner.of(api.info(), api.version())
            known = {network["Name"] for network in api.networks()}
        if self._options.network not in known:
            manner = replace(manner, no_network=self._options.network)
        uid, gid = os.geteuid(), os.getegid()
        if self._root:
            uid = gid = self._options.user
        recipe = Recipe(self._daemon, self._options, manner, self._places, uid, gid)
        return Trial(self._daemon, self._containers).best(recipe)
