"""``compute-ref init``: a configuration to change and a catalogue to look at."""

from __future__ import annotations

from pathlib import Path

import click

from compute_ref.cli.calling import FAILED, Failed
from compute_ref.demo import copy_catalogue, copy_configuration


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Write a commented configuration and a sample catalogue into DIR; overwrites nothing."""
    configuration, catalogue = folder / "compute-ref.toml", folder / "assets"
    for path in (configuration, catalogue):
        if path.exists():
            raise Failed(f"{path} is there already; nothing was written. Name a new folder", FAILED)
    try:
        copy_catalogue(catalogue)
        copy_configuration(configuration)
    except OSError as failed:
        raise Failed(f"{folder} cannot be written: {failed.strerror}", FAILED) from failed
    click.echo(f"Wrote {configuration} and {catalogue}. Start the server with:")
    click.echo(f"  compute-ref serve --config {configuration}")
