"""The page of the configuration has every key, with its default and its meaning."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from compute_ref.settings import Environment, Settings

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def rows() -> dict[str, str]:
    """Default by key, as the tables of the documentation say it."""
    found = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) == 5 and cells[1].startswith("`"):
            assert cells[3], f"{cells[1]} has no meaning"
            found[cells[1].strip("`")] = cells[2].strip("`")
    return found


def shown(value: Any) -> str:
    """A default as TOML writes it; "-" where there is none."""
    if value is None or value is MISSING:
        return "-"
    if isinstance(value, tuple):
        return json.dumps(list(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(str(value) if isinstance(value, Path) else value)


def test_every_key_is_documented_with_its_default() -> None:
    expected = {f"environments.{one.name}": shown(one.default) for one in fields(Environment)}
    for section, shape in get_type_hints(Settings).items():
        if is_dataclass(shape):
            for key in fields(shape):
                expected[f"{section}.{key.name}"] = shown(key.default)
    documented = {key: text for key, text in rows().items() if not key.startswith("backends.")}
    assert documented == expected


def test_every_key_of_a_built_in_backend_is_documented_with_its_default() -> None:
    from compute_ref_docker import options as docker
    from compute_ref_kubernetes import options as kubernetes
    from compute_ref_local import options as local

    defaults: dict[str, Any] = {
        "docker": docker.Options(),
        "kubernetes": kubernetes.Options(),
        "local": local.Options(),
    }
    expected = {
        f"backends.{name}.{key.name}": shown(getattr(options, key.name))
        for name, options in defaults.items()
        for key in fields(options)
    }
    documented = {key: text for key, text in rows().items() if key.startswith("backends.")}
    assert documented == expected
