"""Deliberately wrong servers: the reference with one defect each, as data."""

from importlib import import_module
from pkgutil import iter_modules

from tests.conformance.defects.defect import DEFECTS

for module in iter_modules(__path__, f"{__name__}."):
    import_module(module.name)

__all__ = ["DEFECTS"]
