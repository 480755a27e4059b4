"""Finding plug-ins and asking them for backends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoints, entry_points
from pathlib import Path
from typing import Any

import pluggy

from compute_ref.plugins import hookspecs
from compute_ref.plugins.backend import Backend, Site

GROUP = "compute_ref"


class BackendUnknown(Exception):
    """An environment names a backend that no plug-in offers; the text says what to install."""

    def __init__(self, name: str, offered: Iterable[str]) -> None:
        known = ", ".join(sorted(offered)) or "none"
        super().__init__(
            f'no installed plug-in offers the backend "{name}" (offered: {known});'
            f' install it, for example with: pip install "compute-ref[{name}]"'
        )
        self.name = name


class OptionRefused(ValueError):
    """A backend cannot use its own table; the text begins with the key."""


class PluginsClash(ValueError):
    """Installed distributions offer plug-ins of one name; the text says what to do."""

    def __init__(self, name: str, distributions: Iterable[str]) -> None:
        super().__init__(
            f'more than one installed distribution offers a plug-in named "{name}":'
            f" {', '.join(distributions)}; uninstall one of them, or have it renamed"
        )


class GivenBackends:
    """A plug-in that offers backends which are already there."""

    def __init__(self, made: Mapping[str, Backend]) -> None:
        self._made = dict(made)

    @hookspecs.hookimpl
    def backends(self) -> Mapping[str, hookspecs.BackendFactory]:
        """Each backend as it is, whatever the site."""
        return {name: _always(backend) for name, backend in self._made.items()}


def plugin_manager(plugins: Iterable[object]) -> pluggy.PluginManager:
    """Every installed plug-in of the group ``compute_ref``, and `plugins` before them.

    Raises PluginsClash where two installed ones have one name: pluggy would leave out the second.
    """
    _check_names(entry_points(group=GROUP))
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.load_setuptools_entrypoints(GROUP)
    for plugin in plugins:
        manager.register(plugin)
    manager.check_pending()
    return manager


def _check_names(installed: EntryPoints) -> None:
    for name in installed.names:
        homes = sorted(point.dist.name for point in installed.select(name=name) if point.dist)
        if len(homes) > 1:
            raise PluginsClash(name, homes)


def make_backends(
    hooks: pluggy.HookRelay, wanted: Iterable[str], site: Callable[[str], Site]
) -> dict[str, Backend]:
    """One backend for each name wanted; raises BackendUnknown or OptionRefused."""
    answers = reversed(hooks.backends())  # the plug-in that was asked first has the last word
    offered = {name: make for some in answers for name, make in some.items()}
    made: dict[str, Backend] = {}
    for name in dict.fromkeys(wanted):
        if name not in offered:
            raise BackendUnknown(name, offered)
        made[name] = _made(name, offered[name], site(name))
    return made


def _made(name: str, make: hookspecs.BackendFactory, site: Site) -> Backend:
    try:
        return make(site)
    except ValueError as refused:
        raise OptionRefused(f"backends.{name}.{refused}") from refused


def _always(backend: Backend) -> hookspecs.BackendFactory:
    return lambda _site: backend


def site_of(
    options: Mapping[str, Mapping[str, Any]], data_dir: Path, host_data_dir: Path, loopback: bool
) -> Callable[[str], Site]:
    """What each backend is told of the server, by its name."""
    return lambda name: Site(options.get(name, {}), data_dir, host_data_dir, loopback)
