"""``compute-ref serve --conformance-profile``: what it serves, what it says, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from compute_conformance.assets import did_of
from compute_conformance.cli import main
from compute_conformance.profile import from_document
from compute_ref.app import create_app
from compute_ref.judged.catalogue import ShippedRoles
from compute_ref.judged.profile import NoRoles, create_judged
from compute_ref.settings import Catalogue, Chains, Environment, Server, Settings
from compute_ref.testing.instant import InstantBackend


def settings(folder: Path, **changes: object) -> Settings:
    server = Server(data_dir=folder / "data", port=0, sync=False)
    made = Settings(
        (Environment("first", "local"),), server=server, catalogue=Catalogue(folder / "assets")
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def read(text: str) -> dict[str, object]:
    from_document(tomllib.loads(text))
    return tomllib.loads(text)


def test_a_server_without_a_catalogue_has_every_role(tmp_path: Path) -> None:
    app, text = create_judged(settings(tmp_path))
    app.close()
    found = read(text)
    assert found["environment"] == "first"
    assert did_of("open") in text


def test_the_shipped_documents_are_of_the_environment_s_chain(tmp_path: Path) -> None:
    environment = Environment("first", "local", chains=(5,))
    app, text = create_judged(
        settings(tmp_path, environments=(environment,), chains=Chains((8996, 5)))
    )
    app.close()
    document = ShippedRoles(5).resolve_did(did_of("open"))
    assert document is not None
    assert (read(text)["chain"], document["chainId"]) == (5, 5)


def test_a_catalogue_with_roles_is_taken_as_it_is(tmp_path: Path) -> None:
    written = ["assets", str(tmp_path / "assets"), "--image", "own", "--checksum", "sha256:ab"]
    CliRunner().invoke(main, written, catch_exceptions=False)
    (tmp_path / "assets" / "both.json").unlink()
    app, text = create_judged(settings(tmp_path))
    app.close()
    found = from_document(tomllib.loads(text))
    assert "both" not in found.datasets
    assert found.algorithms["raw"]["meta"]["container"]["image"] == "own"


def test_a_catalogue_of_other_documents_is_served_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    folder.mkdir()
    document = {"id": "did:op:" + "1" * 64, "services": [], "metadata": {"type": "dataset"}}
    (folder / "own.json").write_text(json.dumps(document))
    app, text = create_judged(settings(tmp_path))
    app.close()
    assert did_of("open") in text


def test_a_backend_of_images_needs_assets_of_the_owner_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Imaging(InstantBackend):
        runs_images = True

    made = partial(create_app, backends={"images": Imaging()})
    monkeypatch.setattr("compute_ref.judged.profile.create_app", made)
    environment = Environment("first", "images")
    with pytest.raises(NoRoles, match="compute-conformance assets DIR"):
        create_judged(settings(tmp_path, environments=(environment,)))


def test_a_profile_that_cannot_be_written_keeps_the_server_from_starting(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere" / "profile.toml")
    command = [sys.executable, "-m", "compute_ref", "serve", "--conformance-profile", nowhere]
    flags = ["--port", "0", "--data-dir", str(tmp_path / "data")]
    found = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=60)
    assert found.returncode == 1
    assert found.stdout == ""
    assert "nowhere" in found.stderr.splitlines()[-1]
    assert "No such file" in found.stderr.splitlines()[-1]
