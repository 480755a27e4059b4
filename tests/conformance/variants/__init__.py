"""Servers that differ from the reference within what the page and the ledger allow, as data."""

from importlib import import_module
from pkgutil import iter_modules

from tests.conformance.variants.variant import VARIANTS, server

for module in iter_modules(__path__, f"{__name__}."):
    import_module(module.name)

__all__ = ["VARIANTS", "server"]
