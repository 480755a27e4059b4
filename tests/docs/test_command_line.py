"""The page of commands names every command and option there is, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from compute_ref.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from commands(found, f"{name} {inner}")
    else:
        yield name, command


ALL = dict(commands(main, "compute-ref"))


def options(command: click.Command) -> list[str]:
    return [p.opts[0] for p in command.params if isinstance(p, click.Option)]


@pytest.mark.parametrize("name", ALL)
def test_every_command_is_on_the_page(name: str) -> None:
    assert f"`{name}" in PAGE


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_on_the_page(name: str) -> None:
    assert [option for option in options(ALL[name]) if option not in PAGE] == []


def test_the_page_names_no_option_that_is_not_there() -> None:
    told = set(re.findall(r"`(--[a-z-]+)`", PAGE))
    assert told <= {option for command in ALL.values() for option in options(command)}
