"""Reads the settings: defaults, then the TOML file, then COMPUTE_REF_* variables, then flags."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from compute_ref.identity.addresses import checksum_address
from compute_ref.settings import Environment, Settings

PREFIX: Final = "COMPUTE_REF_"
OPEN: Final = ("backends", "plugins")  # tables whose keys belong to plug-ins
DEFAULT_ENVIRONMENTS: Final = [{"id": "local", "backend": "local"}]
NOT_NEGATIVE: Final = (int, float)


class ConfigurationError(Exception):
    """The configuration cannot be used; one line names the place, the key and the mend."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from, for error texts; relative paths are relative to `folder`."""

    name: str
    folder: Path

    def error(self, key: str, mend: str) -> ConfigurationError:
        """The error of a key."""
        return ConfigurationError(f"{self.name}: {key}: {mend}")


def load(
    file: Path | None = None,
    variables: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings, or ConfigurationError. `flags` are by dotted key, None for not given."""
    layers = [*_from_file(file), *_from_variables(os.environ if variables is None else variables)]
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    layers.append((Source("command line", Path.cwd()), _nested(given)))
    return _settings(layers)


def environment_variable(key: str) -> str:
    """The variable of a dotted key: ``server.port`` is COMPUTE_REF_SERVER_PORT."""
    return PREFIX + key.replace(".", "_").upper()


Layer = tuple[Source, dict[str, Any]]


def _from_file(file: Path | None) -> Iterator[Layer]:
    if file is None:
        return
    source = Source(str(file), file.absolute().parent)
    try:
        yield source, tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as failed:
        raise ConfigurationError(f"{file}: cannot be read ({failed.strerror})") from failed
    except ValueError as broken:
        raise ConfigurationError(f"{file}: is not valid TOML: {broken}") from broken


def _from_variables(variables: Mapping[str, str]) -> Iterator[Layer]:
    known = {environment_variable(key): key for key in known_keys()}
    for name, text in variables.items():
        if not name.startswith(PREFIX) or name == PREFIX + "PRIVATE_KEY":
            continue
        source = Source(name, Path.cwd())
        key = known.get(name) or _open_key(name)
        if key is None:
            raise source.error("unknown variable", _nearest(name, known))
        yield source, _nested({key: _parsed(text)})


def known_keys() -> list[str]:
    """Every dotted key but those inside of environments and of plug-ins' own tables."""
    hints = get_type_hints(Settings)
    keys = ["environments", *OPEN]
    for section in fields(Settings):
        if is_dataclass(hints[section.name]):
            keys += [f"{section.name}.{key.name}" for key in fields(hints[section.name])]
    return keys


def _open_key(name: str) -> str | None:
    for table in OPEN:
        start = f"{PREFIX}{table.upper()}_"
        owner, _, key = name.removeprefix(start).lower().partition("_")
        if name.startswith(start) and key:
            return f"{table}.{owner}.{key}"
    return None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in flat.items():
        *tables, last = key.split(".")
        place = found
        for table in tables:
            place = place.setdefault(table, {})
        place[last] = value
    return found


def _settings(layers: list[Layer]) -> Settings:
    hints: dict[str, Any] = get_type_hints(Settings)
    sections: dict[str, dict[str, Any]] = {field.name: {} for field in fields(Settings)}
    environments: tuple[Environment, ...] | None = None
    for source, layer in layers:
        for name, content in layer.items():
            if name not in sections:
                raise source.error(name, "no such table; " + _nearest(name, sections))
            if name == "environments":
                environments = _environments(source, content)
            elif name in OPEN:
                _merge_open(source, name, content, sections[name])
            else:
                sections[name] |= _section(source, name, hints[name], content)
    if environments is None:
        environments = _environments(Source("default", Path.cwd()), DEFAULT_ENVIRONMENTS)
    made: dict[str, Any] = {
        name: hints[name](**values)
        for name, values in sections.items()
        if is_dataclass(hints[name])
    }
    made |= {name: sections[name] for name in OPEN}
    settings = Settings(environments, **made)
    _check(layers[-1][0] if len(layers) == 1 else layers[0][0], settings)
    return settings


def _merge_open(source: Source, name: str, content: Any, into: dict[str, Any]) -> None:
    if not isinstance(content, dict) or not all(isinstance(v, dict) for v in content.values()):
        raise source.error(name, f"must be tables, one for each owner: [{name}.NAME]")
    for owner, table in content.items():
        into[owner] = {**into.get(owner, {}), **table}


def _section(source: Source, name: str, shape: type, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise source.error(name, f"must be a table: [{name}]")
    hints = get_type_hints(shape)
    found = {}
    for key, value in content.items():
        if key not in hints:
            raise source.error(f"{name}.{key}", "no such key; " + _nearest(key, hints))
        found[key] = _typed(source, f"{name}.{key}", hints[key], value)
    return found


def _environments(source: Source, content: Any) -> tuple[Environment, ...]:
    if not isinstance(content, list) or not content:
        raise source.error("environments", "must be tables, at least one: [[environments]]")
    found = []
    for place, table in enumerate(content):
        name = f"environments[{place}]"
        values = _section(source, name, Environment, table)
        for field in fields(Environment):
            if field.default is MISSING and not values.get(field.name):
                raise source.error(f"{name}.{field.name}", "is missing; give the environment one")
        found.append(Environment(**values))
    return tuple(found)


def _typed(source: Source, key: str, shape: Any, value: Any) -> Any:
    """`value` as `shape` wants it, or the error that says what it must be."""
    if get_origin(shape) is tuple:
        inner = get_args(shape)[0]
        entries = value if isinstance(value, list) else str(value).split(",")
        return tuple(_typed(source, key, inner, _loose(inner, entry)) for entry in entries)
    if shape is Path or Path in get_args(shape):
        if not isinstance(value, str) or not value:
            raise source.error(key, "must be a path")
        return source.folder / Path(value).expanduser()
    if shape is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if shape is str and isinstance(value, int | float) and source.name.startswith(PREFIX):
        value = str(value)
    if type(value) is not shape:
        kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
        raise source.error(key, f"must be {kinds[shape]}, not {value!r}")
    if shape in NOT_NEGATIVE and value < 0:
        raise source.error(key, f"must not be negative, but is {value}")
    return value


def _loose(shape: Any, entry: Any) -> Any:
    text = entry.strip() if isinstance(entry, str) else entry
    return int(text) if shape is int and isinstance(text, str) and text.isdigit() else text


def _nearest(name: str, known: Any) -> str:
    close = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else "there are: " + ", ".join(sorted(known))


def _check(source: Source, settings: Settings) -> None:
    """What no single type can tell."""
    server, ids = settings.server, [one.id for one in settings.environments]
    for key, holds, mend in (
        ("server.port", server.port < 65536, "must be below 65536; 0 picks a free one"),
        ("server.threads", server.threads >= 2, "must be at least 2"),
        ("server.public_url", _is_url(server.public_url), "must be a http or https URL, or empty"),
        ("deadlines.stop_grace", settings.deadlines.stop_grace <= 20, "must be at most 20 seconds"),
        ("chains.ids", len(settings.chains.ids) > 0, "must name at least one chain"),
        ("environments", len(set(ids)) == len(ids), "must have different ids"),
        ("catalogue.path", _is_folder(settings.catalogue.path), "must be a folder; make it first"),
        (
            "environments.consumerAddress",
            all(_is_address(one.consumerAddress) for one in settings.environments),
            "must be an Ethereum address, or empty for the provider's own",
        ),
    ):
        if not holds:
            raise source.error(key, mend)


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return not text or (parts.scheme in ("http", "https") and bool(parts.hostname))


def _is_folder(path: Path) -> bool:
    return path.is_dir() or path == Path("assets")


def _is_address(text: str) -> bool:
    try:
        return not text or bool(checksum_address(text))
    except ValueError:
        return False
