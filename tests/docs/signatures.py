"""Signatures as the documentation writes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def signature(function: Callable[..., Any]) -> str:
    """``launch(run: Run) -> Handle``: without `self`, types as they are written in the code."""
    found = inspect.signature(function)
    parameters = [one for name, one in found.parameters.items() if name != "self"]
    return f"{function.__name__}{found.replace(parameters=parameters)}".replace("'", "")
