"""The compute-conformance command."""

from __future__ import annotations

import click

from compute_conformance.cli.reading import (
    compare,
    explain,
    listing,
    page,
    reproduce,
    requirements,
)
from compute_conformance.cli.running import run
from compute_conformance.cli.signing import address, key, sign
from compute_conformance.cli.writing import assets, init


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="compute-ref", prog_name="compute-conformance")
def main() -> None:
    """Judge any server of the Ocean Provider "Compute Endpoints" API."""


COMMANDS = (run, init, listing, explain, requirements, compare, reproduce, page, assets)
for command in (*COMMANDS, key, address, sign):
    main.add_command(command)
