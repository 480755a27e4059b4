"""Lets pytest judge a server: ``pytest --pyargs compute_conformance --target URL``.

In every other run it does nothing: no option, no import, no item.
"""

from __future__ import annotations

from importlib import import_module

import pytest

PACKAGE = "compute_conformance"


def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Bring in the rest where this package is what is to be collected."""
    known = early_config.known_args_namespace
    if known.pyargs and PACKAGE in known.file_or_dir:
        early_config.pluginmanager.register(import_module(f"{PACKAGE}.pytest_items"))
