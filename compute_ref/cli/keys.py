"""Where a command gets the caller's private key from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from compute_ref.identity.keys import Account

VARIABLE: Final = "COMPUTE_REF_PRIVATE_KEY"


def account_from(file: Path | None) -> Account | None:
    """The account of the key file, else of the variable, else None; UsageError for no key."""
    source = str(file) if file else VARIABLE
    try:
        text = file.read_text(encoding="ascii") if file else os.environ.get(VARIABLE, "")
        return Account.from_hex(text) if text else None
    except OSError as failed:
        raise click.UsageError(f"{source} cannot be read: {failed.strerror}") from failed
    except ValueError as broken:
        raise click.UsageError(f"{source} holds no private key: 64 hexadecimal digits") from broken
