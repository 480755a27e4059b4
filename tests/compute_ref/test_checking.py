"""What is found out about a server before it starts, and while it runs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from compute_ref import checking
from compute_ref.checking import Finding, findings
from compute_ref.clock import Clock
from compute_ref.identity.keys import Account, write_key
from compute_ref.jobs.store import Store
from compute_ref.plugins import hookimpl
from compute_ref.plugins.registry import PluginsClash, plugin_manager
from compute_ref.settings import Catalogue, Environment, Queue, Server, Settings
from compute_ref.testing.kit import sample_ddo


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One local environment, a catalogue of one asset, and a data folder that is not there yet."""
    assets = tmp_path / "assets"
    assets.mkdir()
    (assets / "sample.json").write_text(json.dumps(sample_ddo()))
    (assets / "data.txt").write_text("1")
    return Settings(
        (Environment("here", "local"),),
        server=Server(data_dir=tmp_path / "data"),
        catalogue=Catalogue(assets),
    )


def found(settings: Settings) -> Mapping[str, Finding]:
    return {one.about: one for one in findings(settings)}


def with_backend(settings: Settings, *names: str, **options: Any) -> Settings:
    environments = tuple(Environment(f"on-{name}", name) for name in names)
    return replace(settings, environments=environments, backends={"local": options})


def test_all_is_well_before_the_first_start(settings: Settings) -> None:
    seen = found(settings)
    assert list(seen) == ["data folder", "catalogue", "backend local", "environment here"]
    assert all(one.well for one in seen.values())
    assert "made at the first start" in seen["data folder"].said
    assert seen["catalogue"].said.endswith("1 assets")
    assert "bubblewrap" in seen["backend local"].said
    assert "memory: watched" in seen["environment here"].said


def test_a_data_folder_in_use_is_looked_at_and_left_as_it_is(settings: Settings) -> None:
    folder = settings.server.data_dir
    store = Store.open(folder, Clock())
    account = Account.create()
    write_key(folder / "provider.key", account)
    before = (folder / "store.journal").read_bytes()
    try:
        seen = found(settings)
    finally:
        store.close()
    assert all(one.well for one in seen.values())
    assert f"process {os.getpid()}" in seen["store"].said
    assert account.address in seen["provider key"].said
    assert (folder / "store.journal").read_bytes() == before
    assert "process" not in found(settings)["store"].said  # nobody has it any more


def test_a_damaged_store_is_told_with_its_place(settings: Settings) -> None:
    folder = settings.server.data_dir
    Store.open(folder, Clock()).close()
    (folder / "store.journal").write_bytes(b"x" * 300)
    assert not found(settings)["store"].well


def test_a_key_that_others_can_read_is_told_with_the_mend(settings: Settings) -> None:
    settings.server.data_dir.mkdir()
    write_key(settings.server.data_dir / "provider.key", Account.create())
    (settings.server.data_dir / "provider.key").chmod(0o644)
    key = found(settings)["provider key"]
    assert (key.well, "chmod 600" in key.said) == (False, True)


def test_too_little_room_is_told(settings: Settings) -> None:
    room = found(replace(settings, queue=Queue(min_free_disk=2**60)))["data folder"]
    assert (room.well, "queue.min_free_disk" in room.said) == (False, True)


def test_a_data_folder_that_cannot_be_made_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    server = replace(settings.server, data_dir=tmp_path / "file" / "data")
    folder = next(findings(replace(settings, server=server)))
    assert (folder.about, folder.well) == ("data folder", False)


def test_broken_documents_are_named(settings: Settings) -> None:
    (settings.catalogue.path / "broken.json").write_text("{")
    catalogue = found(settings)["catalogue"]
    assert (catalogue.well, "broken.json" in catalogue.said) == (False, True)


def test_a_backend_that_is_missing_does_not_hide_the_others(settings: Settings) -> None:
    seen = found(with_backend(settings, "nowhere", "local"))
    assert not seen["backend nowhere"].well
    assert 'pip install "compute-ref[nowhere]"' in seen["backend nowhere"].said
    assert "environment on-nowhere" not in seen
    assert seen["environment on-local"].well


def test_wrong_options_of_a_backend_are_told(settings: Settings) -> None:
    backend = found(with_backend(settings, "local", sandbox="perhaps"))["backend local"]
    assert (backend.well, "sandbox" in backend.said) == (False, True)


def test_a_backend_that_cannot_work_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    backend = found(with_backend(settings, "local", sandbox="require"))["backend local"]
    assert (backend.well, "Install bubblewrap" in backend.said) == (False, True)


def test_what_a_plug_in_refuses_of_its_options_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Picky:
        @hookimpl
        def configure(self, options: Mapping[str, Mapping[str, Any]]) -> None:
            raise ValueError("picky.key: must be 2")

    monkeypatch.setattr(checking, "plugin_manager", lambda given: plugin_manager((*given, Picky())))
    seen = found(settings)
    assert (seen["plug-ins"].well, seen["plug-ins"].said) == (False, "picky.key: must be 2")
    assert seen["backend local"].well


def test_two_plug_ins_of_one_name_are_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clash(given: object) -> NoReturn:
        raise PluginsClash("twice", ["first-plugin", "second-plugin"])

    monkeypatch.setattr(checking, "plugin_manager", clash)
    seen = found(settings)
    assert (seen["plug-ins"].well, "second-plugin" in seen["plug-ins"].said) == (False, True)
    assert seen["catalogue"].well
