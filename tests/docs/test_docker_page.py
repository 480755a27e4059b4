"""The page of the Docker backend says what its code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compute_ref.configuration import load
from compute_ref_docker import creation, keeping
from compute_ref_docker.options import Options

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "docker.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_configuration_it_shows_is_one(block: str, tmp_path: Path) -> None:
    (tmp_path / "compute-ref.toml").write_text(block)
    settings = load(tmp_path / "compute-ref.toml")
    assert [one.backend for one in settings.environments] == ["docker"]
    Options.read(settings.backends.get("docker", {}))


def test_its_numbers_are_those_of_the_code() -> None:
    for number in (
        f"({Options().user})",
        f"| {creation.OPEN_FILES}, none |",
        f"every {keeping.SAMPLE * 1000:.0f} ms",
        f"TERM, {keeping.GRACE:.0f} seconds, KILL",
        f"may have {creation.USERS_PROCESSES} processes",
    ):
        assert number in PAGE, number


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?://)([^)]+)", PAGE))
def test_every_link_leads_somewhere(link: str) -> None:
    page, _, heading = link.partition("#")
    assert (DOCS / (page or "docker.md")).is_file()
    assert not heading or f"# {heading.capitalize()}\n" in PAGE
