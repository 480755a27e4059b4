"""The compute-ref command; what a sub-command needs is imported when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "serve": "compute_ref.cli.serve",
    "check": "compute_ref.cli.check",
    "demo": "compute_ref.cli.demo",
    "init": "compute_ref.cli.init",
    "account": "compute_ref.cli.account",
    "job": "compute_ref.cli.job",
    "store": "compute_ref.cli.store",
}


class Commands(click.Group):
    """The sub-commands of COMMANDS, each in a module of its own under its own name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None; what is missing to run it is said in one line."""
        if cmd_name not in COMMANDS:
            return None
        try:
            module = import_module(COMMANDS[cmd_name])
        except ImportError as missing:
            raise click.ClickException(str(missing)) from missing
        command: click.Command = getattr(module, cmd_name)
        return command


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="compute-ref")
def main() -> None:
    """Compute jobs next to private data: the Ocean Provider Compute Endpoints."""
