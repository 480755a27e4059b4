"""Finding out, by running a container, how containers can be run here."""

from __future__ import annotations

import io
import json
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from docker.errors import NotFound

from compute_ref.plugins import BackendUnavailable, Limits, Run, run_name
from compute_ref_docker.containers import Containers
from compute_ref_docker.creation import Recipe, without_shell
from compute_ref_docker.daemon import Daemon, Refused
from compute_ref_docker.images import LocalImage
from compute_ref_docker.places import SHOWN, folders_in

LIMITS: Final = Limits(1, 2**26, 2**20, 2**20, 60, 16)
NOT_FOUND: Final = 127  # the exit code of an init process that finds no shell


@dataclass(frozen=True, slots=True)
class Trial:
    """Runs containers of an image that is empty: there is not even a shell to be found."""

    daemon: Daemon
    containers: Containers

    def best(self, recipe: Recipe) -> Recipe:
        """`recipe` with or without an init process, or BackendUnavailable where none works."""
        with self._image() as image:
            for init in (True, False):
                tried = replace(recipe, manner=replace(recipe.manner, init=init))
                said = self._try(tried, image)
                if not said:
                    return tried
        raise BackendUnavailable(
            f"no container could be run: {said}. Mend the daemon; where the server itself runs in"
            " a container, see server.host_data_dir"
        )

    def _try(self, recipe: Recipe, image: LocalImage) -> str:
        """Run one; "" or what went wrong."""
        job_id = f"probe{secrets.token_hex(8)}"
        name, root = run_name(job_id, 1), recipe.places.own / job_id
        try:
            run = Run(job_id, 1, "true", None, {}, folders_in(root), LIMITS)
            for folder in map(root.joinpath, SHOWN):
                folder.mkdir(parents=True, exist_ok=True)
            made = self.containers.create(name, recipe.told(run, image), recipe.labels(run))
            self.containers.start(made)
            self.containers.wait(made)
            ended = self.containers.find(name)
            return "" if ended and ended.code == NOT_FOUND else "it did not come to its end"
        except Refused as refused:
            return "" if without_shell(str(refused)) else str(refused)
        finally:
            self.containers.remove(name)
            shutil.rmtree(root, ignore_errors=True)

    @contextmanager
    def _image(self) -> Iterator[LocalImage]:
        """An empty image for as long as it is needed."""
        empty = io.BytesIO()
        tarfile.open(fileobj=empty, mode="w").close()
        with self.daemon.asked() as api:
            said = api.import_image_from_data(empty.getvalue())
        image = LocalImage(json.loads(said.splitlines()[-1])["status"], ())
        try:
            yield image
        finally:
            with suppress(NotFound), self.daemon.asked() as api:
                api.remove_image(image.id, force=True)
