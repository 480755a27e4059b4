"""The commands that need no target: list, explain, compare, reproduce, page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import click

from compute_conformance.checking import all_checks
from compute_conformance.comparing import Difference, differences
from compute_conformance.ledger import ledger
from compute_conformance.page import drift
from compute_conformance.page import page as known_page
from compute_conformance.renderings.register import requirements as register_page
from compute_conformance.reproducers.pytest_file import as_pytest
from compute_conformance.requirements import Requirement, register

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("list")
@click.argument("pattern", default="*")
def listing(pattern: str) -> None:
    """List the requirements whose id matches PATTERN, such as 'CE-START-*'."""
    found = [one for one in register().values() if fnmatchcase(one.id, pattern)]
    for one in found:
        click.echo(
            f"{one.id:32} {one.level:13} {one.capability:12} L{one.access:d}  {one.sentence}"
        )
    if not found:
        raise click.ClickException(f"no requirement matches {pattern}")


@click.command()
@click.argument("requirement")
def explain(requirement: str) -> None:
    """Say what a requirement asks for, where it comes from and how it is checked."""
    found = register().get(requirement.upper())
    if found is None:
        raise click.ClickException(f"there is no requirement {requirement}; see `list`")
    click.echo("\n".join(_explained(found)))


@click.command()
def requirements() -> None:
    """Write the whole register as Markdown."""
    click.echo(register_page(), nl=False)


def _explained(one: Requirement) -> Iterator[str]:
    yield one.id
    yield f"  {one.sentence}"
    yield f"  {one.level}; capability {one.capability}; access L{one.access:d}; source: {one.tier}"
    for key in one.page:
        yield f'  The page says: "{known_page()[key].text}"'
    if one.reading:
        reading = ledger()[one.reading]
        yield f"  Contested ({reading.id}): {reading.point}"
        yield from (f"    - {evidence}" for evidence in reading.evidence)
        yield f"    elected: {reading.elected}"
        yield from (f"    also read as: {other}" for other in reading.others)
    for check in all_checks()[one.id]:
        yield f"  Checked by {check.name}: {check.how}"


@click.command()
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
def compare(before: Path, after: Path) -> None:
    """Show what differs between two reports; ends with 1 where something got worse."""
    found = differences(_report(before), _report(after))
    for one in found:
        click.echo(f"{_mark(one)} {one.id}: {one.before or '-'} -> {one.after or '-'}")
    if not found:
        click.echo("No verdict differs.")
    sys.exit(int(any(one.regression for one in found)))


def _mark(one: Difference) -> str:
    return "worse " if one.regression else "unseen" if one.lost else "      "


REPRODUCED: Final = ("requirements", "target", "profile", "seed", "effort")


def _report(path: Path) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in REPRODUCED}
    except (ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f"{path} is no report of this suite") from error


@click.command()
@click.argument("report", type=FILE)
@click.argument("requirement")
@click.option("--curl", is_flag=True, help="The requests as a script of curl instead.")
def reproduce(report: Path, requirement: str, curl: bool) -> None:
    """Write how a REQUIREMENT of a REPORT (.json) failed as a file of pytest, to be run again."""
    document = _report(report)
    for one in document["requirements"]:
        if one["id"] == requirement.upper():
            scripts = [check["curl"] for check in one["checks"] if check["curl"]]
            if curl and not scripts:
                raise click.ClickException(f"{requirement} did not fail in {report}")
            click.echo(scripts[0] if curl else as_pytest(document, one), nl=False)
            return
    raise click.ClickException(f"{report} says nothing of {requirement}")


@click.command()
@click.argument("copy", type=FILE)
def page(copy: Path) -> None:
    """Compare a copy of the published page's text with the one the register was written from.

    Ends with 1 where a paragraph is gone or new, and names the requirements that rest on it.
    """
    found = drift(copy.read_text(encoding="utf-8"))
    for paragraph in found.gone:
        click.echo(f"gone: {paragraph.text}")
        for one in register().values():
            if paragraph.key in one.page:
                click.echo(f"      {one.id} rests on it")
    for text in found.new:
        click.echo(f"new:  {text}")
    if not (found.gone or found.new):
        click.echo("The page has not changed.")
    sys.exit(int(bool(found.gone or found.new)))
