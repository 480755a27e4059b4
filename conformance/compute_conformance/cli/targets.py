"""The target of a command, or why there is none."""

from __future__ import annotations

import click

from compute_conformance.targets import Live


class Unusable(click.ClickException):
    """What was asked for cannot be done; that says nothing of the target."""

    exit_code = 2


def target_at(url: str, seconds: float) -> Live:
    """The target at a URL, with this time for each answer."""
    try:
        return Live(url, seconds)
    except ValueError as invalid:
        raise Unusable(str(invalid)) from invalid
