"""``compute-ref check``: whether a server could start and work, and what would hold there."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from compute_ref.checking import Finding, findings
from compute_ref.cli.calling import FAILED, REFUSED, Failed, print_json
from compute_ref.configuration import ConfigurationError, load

EXIT_CODES: Final = "Exit codes: 0 all is well; 1 something is not; 2 wrong usage or configuration."


@click.command(epilog=EXIT_CODES)
@click.option("--config", type=click.Path(path_type=Path), help="The server's TOML file.")
@click.option("--data-dir", help="The server's data folder (server.data_dir).")
@click.option("--catalogue", help="Folder of DDOs and files (catalogue.path).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(config: Path | None, data_dir: str | None, catalogue: str | None, as_json: bool) -> None:
    """Look at data folder, catalogue and backends, and say what to do about what is not well.

    It may be called while the server runs.
    """
    logging.getLogger("compute_ref").addHandler(logging.NullHandler())  # the table says it
    flags = {"server.data_dir": data_dir, "catalogue.path": catalogue}
    try:
        found = list(findings(load(config, flags=flags)))
    except ConfigurationError as wrong:
        raise Failed(str(wrong), REFUSED) from wrong
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        _print(found)
    if not all(one.well for one in found):
        sys.exit(FAILED)


def _print(found: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in found:
        sign = "[green]✓[/]" if one.well else "[red]✗[/]"
        table.add_row(sign, escape(one.about), escape(one.said))
    Console().print(table)
