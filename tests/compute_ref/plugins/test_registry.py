"""Plug-ins are found, and those that are given come first."""

import pluggy
import pytest

from compute_ref.plugins import hookimpl
from compute_ref.plugins.registry import (
    BackendUnknown,
    GivenBackends,
    OptionRefused,
    make_backends,
    plugin_manager,
    site_of,
)
from compute_ref.testing import InstantBackend


class Offering:
    def __init__(self, name, backend):
        self.offered = {name: lambda site: backend}

    @hookimpl
    def backends(self):
        return self.offered


@pytest.fixture
def site(tmp_path):
    return site_of({"a": {"key": 1}}, tmp_path, tmp_path / "host", True)


def test_installed_plugins_are_found_by_entry_point():
    found = plugin_manager(())
    assert "local" in {name for name, _ in found.list_name_plugin()}


def test_each_backend_is_made_once_however_often_it_is_named(site):
    backend = InstantBackend()
    manager = plugin_manager((Offering("a", backend),))
    assert make_backends(manager.hook, ["a", "a"], site) == {"a": backend}


def test_a_given_backend_replaces_one_that_is_offered(site):
    offered, given = InstantBackend(), InstantBackend()
    manager = plugin_manager((Offering("a", offered), GivenBackends({"a": given})))
    assert make_backends(manager.hook, ["a"], site) == {"a": given}


def test_a_backend_is_told_its_own_options(site, tmp_path):
    assert (site("a").options, site("b").options) == ({"key": 1}, {})
    assert (site("a").data_dir, site("a").host_data_dir) == (tmp_path, tmp_path / "host")


def test_an_unknown_backend_says_what_there_is(site):
    manager = plugin_manager((Offering("here", InstantBackend()),))
    said = r'environments\[1\].backend: .*"gone".*here.*compute-ref\[gone\]'
    with pytest.raises(BackendUnknown, match=said):
        make_backends(manager.hook, ["here", "gone"], site)


def test_an_option_that_a_backend_refuses_is_told_by_its_whole_key(site):
    class Picky(Offering):
        def __init__(self):
            self.offered = {"a": self.refuse}

        def refuse(self, site):
            raise ValueError("key: must be 2")

    manager = plugin_manager((Picky(),))
    with pytest.raises(OptionRefused, match=r"^backends\.a\.key: must be 2$"):
        make_backends(manager.hook, ["a"], site)


def test_a_hook_that_does_not_exist_stops_the_start():
    class Misspelt:
        @hookimpl
        def resolve_ddi(self, did):
            return None

    with pytest.raises(pluggy.PluginValidationError):
        plugin_manager((Misspelt(),))
