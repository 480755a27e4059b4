"""The official OpenAPI schemas of Kubernetes, unknown fields refused."""

from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
import pytest

Object = dict[str, Any]


def require_valid(manifest: Object, version: str) -> None:
    """Raise where the schema of this very version does not allow an object.

    The schema is also made to refuse the same object with faults, so that it says something.
    """
    assert kubernetes_validate.validate(manifest, version, strict=True) == version
    for fault in ({"nonsense": 1}, {"metadata": {**manifest["metadata"], "nonsense": 1}}):
        refuse({**manifest, **fault}, version)
    if "spec" in manifest:
        refuse({**manifest, "spec": {**manifest["spec"], "nonsense": 1}}, version)


def refuse(manifest: Object, version: str) -> None:
    """Assert that the schema does not allow an object."""
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, version, strict=True)


def changed(manifest: Object, path: str, value: object) -> Object:
    """A copy with another value at a path such as ``spec.containers.0.name``."""
    found = copy.deepcopy(manifest)
    *way, last = path.split(".")
    place: Any = found
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return found
