"""The manifests with which the server is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

BASE = Path(__file__).parents[3] / "kubernetes/base"


def manifests(name: str) -> list[dict[str, Any]]:
    """The objects of one file of them."""
    return [one for one in yaml.safe_load_all((BASE / name).read_text()) if one]
