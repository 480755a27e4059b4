"""Plug-ins are found, and those that are given come first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pluggy
import pytest

from compute_ref.plugins import Backend, BackendFactory, Site, hookimpl
from compute_ref.plugins.registry import (
    BackendUnknown,
    GivenBackends,
    OptionRefused,
    PluginsClash,
    make_backends,
    plugin_manager,
    site_of,
)
from compute_ref.testing import InstantBackend

MakeSite = Callable[[str], Site]


class Offering:
    def __init__(self, name: str, backend: Backend) -> None:
        self.offered: Mapping[str, BackendFactory] = {name: lambda site: backend}

    @hookimpl
    def backends(self) -> Mapping[str, BackendFactory]:
        return self.offered


@pytest.fixture
def site(tmp_path: Path) -> MakeSite:
    return site_of({"a": {"key": 1}}, tmp_path, tmp_path / "host", True)


def test_installed_plugins_are_found_by_entry_point() -> None:
    found = plugin_manager(())
    assert "local" in {name for name, _ in found.list_name_plugin()}


def test_each_backend_is_made_once_however_often_it_is_named(site: MakeSite) -> None:
    backend = InstantBackend()
    manager = plugin_manager((Offering("a", backend),))
    assert make_backends(manager.hook, ["a", "a"], site) == {"a": backend}


def test_a_given_backend_replaces_one_that_is_offered(site: MakeSite) -> None:
    offered, given = InstantBackend(), InstantBackend()
    manager = plugin_manager((Offering("a", offered), GivenBackends({"a": given})))
    assert make_backends(manager.hook, ["a"], site) == {"a": given}


def test_a_backend_is_told_its_own_options(site: MakeSite, tmp_path: Path) -> None:
    assert (site("a").options, site("b").options) == ({"key": 1}, {})
    assert (site("a").data_dir, site("a").host_data_dir) == (tmp_path, tmp_path / "host")


def test_an_unknown_backend_says_what_there_is(site: MakeSite) -> None:
    manager = plugin_manager((Offering("here", InstantBackend()),))
    with pytest.raises(BackendUnknown, match=r"here.*compute-ref\[gone\]") as refused:
        make_backends(manager.hook, ["here", "gone"], site)
    assert refused.value.name == "gone"


def test_an_option_that_a_backend_refuses_is_told_by_its_whole_key(site: MakeSite) -> None:
    def refuse(site: Site) -> Backend:
        raise ValueError("key: must be 2")

    picky = Offering("a", InstantBackend())
    picky.offered = {"a": refuse}
    manager = plugin_manager((picky,))
    with pytest.raises(OptionRefused, match=r"^backends\.a\.key: must be 2$"):
        make_backends(manager.hook, ["a"], site)


def test_a_hook_that_does_not_exist_stops_the_start() -> None:
    class Misspelt:
        @hookimpl
        def resolve_ddi(self, did: str) -> None:
            return None

    with pytest.raises(pluggy.PluginValidationError):
        plugin_manager((Misspelt(),))


def install(site: Path, distribution: str, *names: str) -> None:
    """Put a distribution with plug-ins of these names into the folder `site`."""
    folder = site / f"{distribution}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    points = "".join(f"{name} = json\n" for name in names)
    (folder / "entry_points.txt").write_text(f"[compute_ref]\n{points}")


def test_two_plugins_of_one_name_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "first-plugin", "twice")
    install(tmp_path, "second-plugin", "once", "twice")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginsClash, match="uninstall one") as refused:
        plugin_manager(())
    said = str(refused.value)
    assert all(word in said for word in ("twice", "first-plugin", "second-plugin"))
    assert "\n" not in said


def test_one_distribution_that_is_found_twice_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for site in (tmp_path / "a", tmp_path / "b"):
        install(site, "first-plugin", "twice")
        monkeypatch.syspath_prepend(site)
    plugin_manager(())
