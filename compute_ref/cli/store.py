"""``compute-ref store``: looking at what a server keeps."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from compute_ref.cli.calling import FAILED, REFUSED, Failed, print_json
from compute_ref.configuration import ConfigurationError, load
from compute_ref.jobs.compaction import JOURNAL
from compute_ref.jobs.inspection import Report, check, sentences

EXIT_CODES: Final = "Exit codes: 0 sound; 1 damaged; 2 wrong usage, or no store to read."


@click.group()
def store() -> None:
    """The records of a server."""


@store.command("check", epilog=EXIT_CODES)
@click.option("--config", type=click.Path(path_type=Path), help="The server's TOML file.")
@click.option("--data-dir", help="The server's data folder.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check_store(config: Path | None, data_dir: str | None, as_json: bool) -> None:
    """Read the whole store, say what it holds and where it is damaged; changes nothing.

    It may be called while the server runs.
    """
    report = _report(config, data_dir)
    if as_json:
        print_json(asdict(report) | {"path": str(report.path), "sound": report.sound})
    else:
        click.echo("\n".join(sentences(report)))
    if not report.sound:
        sys.exit(FAILED)


def _report(config: Path | None, data_dir: str | None) -> Report:
    try:
        folder = load(config, flags={"server.data_dir": data_dir}).server.data_dir
    except ConfigurationError as wrong:
        raise Failed(str(wrong), REFUSED) from wrong
    try:
        return check(folder)
    except OSError as failed:
        where = f"{failed.filename or folder / JOURNAL}: {failed.strerror}"
        raise Failed(f"{where}; name the server's folder with --data-dir", REFUSED) from failed
