"""The compute-ref command."""

import click

from compute_ref.cli.account import account
from compute_ref.cli.demo import demo
from compute_ref.cli.init import init
from compute_ref.cli.job import job
from compute_ref.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="compute-ref")
def main() -> None:
    """Compute jobs next to private data: the Ocean Provider Compute Endpoints."""


main.add_command(serve)
main.add_command(account)
main.add_command(demo)
main.add_command(init)
main.add_command(job)
