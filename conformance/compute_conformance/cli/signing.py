"""The commands that scripts of reproduced failures sign with."""

from __future__ import annotations

import click

from compute_conformance.signing import Account


class Key(click.ParamType[Account]):
    """A private key in hex."""

    name = "key"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Account:
        """The account of a key."""
        digits = str(value).removeprefix("0x").rjust(64, "x")  # a short one is none
        try:
            return Account(bytes.fromhex(digits))
        except ValueError:
            self.fail(f"{value} is no private key of 32 bytes in hex", param, ctx)


@click.command()
def key() -> None:
    """Print a fresh private key."""
    click.echo(Account.new().secret)


@click.command()
@click.argument("key", type=Key())
def address(key: Account) -> None:
    """Print the address of a private KEY."""
    click.echo(key.address)


@click.command()
@click.option("--v", type=int, default=27, show_default=True, help="What recovery is added to.")
@click.argument("key", type=Key())
@click.argument("message")
def sign(v: int, key: Account, message: str) -> None:
    """Print the signature of MESSAGE by a private KEY, as this API wants it."""
    click.echo(key.sign(message, v=v))
