"""``compute-conformance run``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from compute_conformance.chance import Chance, Effort
from compute_conformance.cli.progress import Progress, summary
from compute_conformance.cli.targets import Unusable, target_at
from compute_conformance.comparing import differences
from compute_conformance.evidence import document
from compute_conformance.profile import Profile, ProfileInvalid, load
from compute_conformance.renderings import RENDERINGS
from compute_conformance.requirements import Access, Level, register
from compute_conformance.runner import Selection, run_checks, selected
from compute_conformance.targets import Live

CAPABILITIES = sorted({one.capability for one in register().values()})
LEVELS = [level.value for level in Level]


@click.command()
@click.argument("url", required=False, default="")
@click.option(
    "--profile",
    "profile_path",
    type=click.Path(path_type=Path),
    help="What the suite cannot know of the target; see `init`.",
)
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Requirements by id, such as 'CE-START-*'."
)
@click.option(
    "--level", "levels", multiple=True, type=click.Choice(LEVELS), help="Only these levels."
)
@click.option(
    "--capability",
    "capabilities",
    multiple=True,
    type=click.Choice(CAPABILITIES),
    help="Only these capabilities.",
)
@click.option(
    "--access",
    type=click.IntRange(0, 3),
    default=3,
    show_default=True,
    help="No more access than this, whatever the profile grants.",
)
@click.option(
    "--jobs",
    "workers",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Checks that run at once.",
)
@click.option(
    "--effort",
    type=click.Choice([one.value for one in Effort]),
    default=Effort.QUICK.value,
    show_default=True,
    help="How many requests and programs of the suite's own making are tried.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Decides what is tried; the same one repeats the verdicts.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Write it there; the ending says how: .json, .html, .xml (JUnit), .md, .svg, .har.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    help="An earlier .json: fail only on what got worse since.",
)
@click.option("--quiet", is_flag=True, help="Only the summary.")
def run(
    url: str,
    profile_path: Path | None,
    only: tuple[str, ...],
    levels: tuple[str, ...],
    capabilities: tuple[str, ...],
    access: int,
    workers: int,
    effort: str,
    seed: int,
    reports: tuple[Path, ...],
    baseline: Path | None,
    quiet: bool,
) -> None:
    """Judge the server at URL (or at the profile's url).

    Ends with 0 where it conforms as claimed, 1 where it does not, 2 where that could not be found
    out. Without a profile only what needs no job is looked at.
    """
    profile = _profile(profile_path)
    before = _read(baseline) if baseline else None
    _check_endings(reports)
    selection = Selection(
        ids=lambda key: not only or any(fnmatchcase(key, pattern) for pattern in only),
        levels=frozenset(map(Level, levels)) or frozenset(Level),
        capabilities=frozenset(capabilities) or None,
        access=Access(access),
    )
    console = Console(stderr=True)
    target = _target(url or profile.url, profile)
    try:
        with Progress(console, len([*selected(selection)]), quiet=quiet) as progress:
            report = run_checks(
                target,
                profile,
                selection,
                chance=Chance(seed, Effort(effort)),
                workers=workers,
                told=progress.tell,
            )
    except KeyboardInterrupt:
        told = "interrupted; there is no report, and jobs of this run may be left at the target"
        raise Unusable(told) from None
    found = document(report)
    for path in reports:
        _write(found, path)
    summary(Console(), found)
    sys.exit(_exit_code(found, before))


def _profile(path: Path | None) -> Profile:
    try:
        return load(path) if path else Profile()
    except ProfileInvalid as invalid:
        raise Unusable(str(invalid)) from invalid


def _target(url: str, profile: Profile) -> Live:
    if not url:
        raise Unusable("there is no target: give its URL, or `url` in the profile")
    return target_at(url, profile.limits.request)


def _read(path: Path) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"requirements": found["requirements"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(f"{path} is no report of this suite ({error})") from error


def _check_endings(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.suffix not in {".json", *RENDERINGS}:
            known = ", ".join([".json", *RENDERINGS])
            raise Unusable(f"{path}: nothing is written in that form; there are {known}")


def _write(found: Any, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_rendered(found, path), encoding="utf-8")
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}") from error


def _rendered(found: Any, path: Path) -> str:
    if path.suffix == ".json":
        return json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    return RENDERINGS[path.suffix](found)


def _exit_code(found: Any, before: Any) -> int:
    if before is None or found["exit"] == 2:
        return int(found["exit"])
    return int(any(one.regression for one in differences(before, found)))
