"""``compute-ref account``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from compute_ref.identity.keys import Account, write_key


@click.group()
def account() -> None:
    """Accounts that sign calls."""


@account.command()
@click.option("--output", type=click.Path(path_type=Path), help="Write the key here, mode 0600.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def new(output: Path | None, as_json: bool) -> None:
    """Make an account and print its address, and its key unless it goes to a file."""
    made = Account.create()
    shown = {"address": made.address}
    if output is None:
        shown["privateKey"] = "0x" + made.private_key.hex()
    else:
        try:
            write_key(output, made)
        except OSError as failed:
            text = f"{output} cannot be written: {failed.strerror}; name another file"
            raise click.ClickException(text) from failed
        shown["keyFile"] = str(output)
    if as_json:
        click.echo(json.dumps(shown))
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in shown.items()))
