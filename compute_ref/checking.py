"""Whether a server of these settings could start and work: what ``compute-ref check`` shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pluggy

from compute_ref.app import absolute, sites
from compute_ref.assets.catalogue import Catalogue
from compute_ref.identity.keys import KeyFileUnsafe, provider_account
from compute_ref.jobs import inspection
from compute_ref.jobs.folder import holder
from compute_ref.jobs.launching import limits
from compute_ref.plugins import Backend, BackendUnavailable
from compute_ref.plugins.registry import (
    BackendUnknown,
    PluginsClash,
    make_backends,
    plugin_manager,
)
from compute_ref.settings import GIB, Settings

#: what a backend may raise while it is made and asked; anything else is a fault of the backend
UNUSABLE: Final = (BackendUnknown, BackendUnavailable, ValueError, ImportError, OSError)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: `said` is what was found, or what to do where not `well`."""

    about: str
    well: bool
    said: str


def findings(settings: Settings) -> Iterator[Finding]:
    """Look at everything a server of `settings` needs; changes nothing that a server has stored.

    May be called while that server runs.
    """
    settings = absolute(settings)
    yield from _data_folder(settings)
    yield _catalogue(settings.catalogue.path)
    yield from _backends(settings)


def _data_folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.server.data_dir
    yield _room(folder, settings.queue.min_free_disk)
    if folder.is_dir():
        yield _key(folder)
        yield _store(folder)


def _room(folder: Path, floor: int) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding("data folder", False, f"{there} cannot be written to: let the server's user")
    free = shutil.disk_usage(there).free
    if free < floor:
        said = f"{free / GIB:.1f} GiB are free, less than queue.min_free_disk: make room"
        return Finding("data folder", False, said)
    made = "" if there == folder else ", will be made at the first start"
    return Finding("data folder", True, f"{folder}{made}; {free / GIB:.1f} GiB are free")


def _key(folder: Path) -> Finding:
    if not (folder / "provider.key").exists():
        return Finding("provider key", True, "will be made at the first start")
    try:
        return Finding("provider key", True, f"of {provider_account(folder).address}")
    except (KeyFileUnsafe, OSError) as unsafe:
        return Finding("provider key", False, str(unsafe))


def _store(folder: Path) -> Finding:
    process = holder(folder)
    server = f"held by the server that runs as process {process}; " if process else ""
    try:
        report = inspection.check(folder)
    except FileNotFoundError:
        return Finding("store", True, "will be made at the first start")
    except OSError as failed:
        return Finding("store", False, f"{failed.filename} cannot be read: {failed.strerror}")
    return Finding("store", report.sound, server + " ".join(inspection.sentences(report)))


def _catalogue(path: Path) -> Finding:
    catalogue = Catalogue(path)
    count, broken = len(catalogue.documents()), catalogue.problems()
    if broken:
        said = "; ".join(f"{name} is left out: {problem}" for name, problem in broken.items())
        return Finding("catalogue", False, f"{path}: {said}")
    return Finding("catalogue", True, f"{path}: {count} assets")


def _backends(settings: Settings) -> Iterator[Finding]:
    try:
        manager = plugin_manager((Catalogue(settings.catalogue.path),))
    except PluginsClash as clash:
        yield Finding("plug-ins", False, str(clash))
        return
    try:
        manager.hook.configure(options=settings.plugins)
    except ValueError as refused:
        yield Finding("plug-ins", False, str(refused))
    for name in dict.fromkeys(one.backend for one in settings.environments):
        yield from _backend(name, settings, manager.hook)


def _backend(name: str, settings: Settings, hooks: pluggy.HookRelay) -> Iterator[Finding]:
    about = f"backend {name}"
    try:
        backend = make_backends(hooks, [name], sites(settings))[name]
    except UNUSABLE as unusable:
        yield Finding(about, False, str(unusable))
        return
    try:
        yield Finding(about, True, backend.check())
        yield from _environments(name, settings, backend)
    except UNUSABLE as unusable:
        yield Finding(about, False, str(unusable))
    finally:
        backend.close()


def _environments(name: str, settings: Settings, backend: Backend) -> Iterator[Finding]:
    for environment in settings.environments:
        if environment.backend == name:
            held = backend.enforced(limits(environment)).items()
            said = "; ".join(f"{what}: {how}" for what, how in held)
            yield Finding(f"environment {environment.id}", True, said)
