"""The page about the suite names every command, option, verdict, level and role."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from compute_conformance.assets import assets
from compute_conformance.cli import main
from compute_conformance.requirements import Access, Level
from compute_conformance.verdicts import Verdict

PAGE = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")
PYTEST = {"--pyargs", "--target"}
_, ROLES = assets("", {"entrypoint": "", "checksum": ""})


def options() -> set[str]:
    return {
        parameter.opts[0]
        for command in main.commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }


@pytest.mark.parametrize("name", main.commands)
def test_every_command_is_on_the_page(name: str) -> None:
    assert re.search(rf"`(compute-conformance )?{name}\b", PAGE)


def test_every_option_is_on_the_page_and_no_other() -> None:
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE))
    assert told - PYTEST - {"--conformance-profile"} == options() - {"--help", "--version"}


@pytest.mark.parametrize(
    "word", [*Verdict, *Level, *ROLES["datasets"], *ROLES["algorithms"], "plain", "raw"]
)
def test_every_word_is_explained(word: str) -> None:
    assert re.search(rf"^\| `{word}` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize("access", [*Access])
def test_every_access_is_explained(access: Access) -> None:
    assert re.search(rf"^\| {access:d} \|", PAGE, re.MULTILINE)
