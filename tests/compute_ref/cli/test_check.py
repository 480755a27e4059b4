"""``compute-ref check`` at a terminal and for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compute_ref.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert CliRunner().invoke(main, ["init", str(tmp_path / "server")]).exit_code == 0
    return tmp_path / "server"


def check(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, ["check", "--config", str(folder / "compute-ref.toml"), *arguments]
    )


def test_a_table_says_that_all_is_well(folder: Path) -> None:
    done = check(folder)
    assert (done.exit_code, "✗" in done.output) == (0, False)
    for about in ("data folder", "catalogue", "backend local", "environment local"):
        assert about in done.output


def test_what_is_not_well_gives_1(folder: Path) -> None:
    (folder / "assets" / "broken.json").write_text("{")
    done = check(folder)
    assert (done.exit_code, "broken.json" in done.output) == (1, True)


def test_json_is_for_scripts(folder: Path) -> None:
    found = json.loads(check(folder, "--json").stdout)
    assert {"about", "well", "said"} == set(found[0])
    assert all(one["well"] for one in found)


def test_a_wrong_configuration_gives_2_and_one_line(folder: Path) -> None:
    done = check(folder, "--catalogue", str(folder / "nowhere"))
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: --catalogue: catalogue.path: ")
    assert len(done.stderr.splitlines()) == 1
