"""Reads the settings: defaults, then the TOML file, then COMPUTE_REF_* variables, then flags.

Whatever cannot be used stops the start with one line that names the place (file, variable or
flag), the key, and the mend. What values may be is in ``ranges.py``.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_origin, get_type_hints

from compute_ref.ranges import complaints
from compute_ref.settings import Environment, Settings

PREFIX: Final = "COMPUTE_REF_"
CLIENTS: Final = (PREFIX + "PRIVATE_KEY",)  # read by the client, none of the server's business
OPEN: Final = ("backends", "plugins")  # tables whose keys belong to plug-ins
FLAGS: Final = {
    "server.host": "--host",
    "server.port": "--port",
    "server.data_dir": "--data-dir",
    "catalogue.path": "--catalogue",
}
SECTIONS: Final[Mapping[str, Any]] = get_type_hints(Settings)
KINDS: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


class ConfigurationError(Exception):
    """The configuration cannot be used; one line names the place, the key and the mend."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from; relative paths are relative to `folder`.

    Values of a `textual` source are written as text, whatever their type.
    """

    name: str
    folder: Path
    textual: bool = False

    def error(self, key: str, mend: str) -> ConfigurationError:
        """The error of a key."""
        return ConfigurationError(" ".join(f"{self.name}: {key}: {mend}".split()))


def load(
    file: Path | None = None,
    variables: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings that the sources of :func:`gather` make, or ConfigurationError."""
    return gather(file, variables, flags).settings()


def gather(
    file: Path | None = None,
    variables: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Given:
    """What all sources say, or ConfigurationError.

    `flags` are by dotted key, None for not given; `variables` are those of the process unless
    they are given. With none of the three there is one environment, "local", on that backend.
    """
    given = Given()
    if file is not None:
        given.take(Source(str(file), file.absolute().parent), _toml(file))
    for name, key, text in _variables(os.environ if variables is None else variables):
        given.take(Source(name, Path.cwd(), textual=True), _nested(key, text))
    for key, value in (flags or {}).items():
        if value is not None:
            given.take(Source(FLAGS.get(key, key), Path.cwd()), _nested(key, value))
    return given


def environment_variable(key: str) -> str:
    """The variable of a dotted key: ``server.port`` is COMPUTE_REF_SERVER_PORT."""
    return PREFIX + key.replace(".", "_").upper()


def known_keys() -> list[str]:
    """Every dotted key but those inside of environments and of plug-ins' own tables."""
    keys = ["environments", *OPEN]
    for name, shape in SECTIONS.items():
        if is_dataclass(shape):
            keys += [f"{name}.{key.name}" for key in fields(shape)]
    return keys


@dataclass
class Given:
    """What the sources say, the later over the earlier, and who said what."""

    values: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {name: {} for name in SECTIONS}
    )
    environments: tuple[Environment, ...] = (Environment("local", "local"),)
    sources: dict[str, Source] = field(default_factory=dict)

    def take(self, source: Source, tables: Mapping[str, Any]) -> None:
        """Add what `source` says, or ConfigurationError."""
        for name, content in tables.items():
            if name not in SECTIONS:
                raise source.error(name, "no such table; " + _nearest(name, SECTIONS))
            self.sources[name] = source
            if name == "environments":
                self.environments = _environments(source, content)
            elif name in OPEN:
                opened = _open_tables(source, name, content)
                _merge(self.values[name], opened)
                self.sources |= {
                    f"{name}.{owner}.{key}": source for owner in opened for key in opened[owner]
                }
            else:
                found = _section(source, name, SECTIONS[name], content)
                self.sources |= {f"{name}.{key}": source for key in found}
                self.values[name] |= found

    def settings(self) -> Settings:
        """Everything together, checked, or ConfigurationError."""
        made: dict[str, Any] = {
            name: shape(**self.values[name])
            for name, shape in SECTIONS.items()
            if isinstance(shape, type) and is_dataclass(shape)
        }
        made |= {name: self.values[name] for name in OPEN}
        settings = Settings(self.environments, **made)
        for key, mend in complaints(settings):
            raise self.error(key, mend)
        return settings

    def error(self, key: str, mend: str) -> ConfigurationError:
        """The error of a key, wherever its value comes from."""
        return self._source(key).error(key, mend)

    def _source(self, key: str) -> Source:
        table = key.partition(".")[0].partition("[")[0]
        default = Source("default", Path.cwd())
        return self.sources.get(key) or self.sources.get(table) or default


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as failed:
        mend = "name another file, or write one with: compute-ref init DIR"
        raise ConfigurationError(f"{file}: cannot be read ({failed.strerror}); {mend}") from failed
    except (ValueError, RecursionError) as broken:
        raise ConfigurationError(f"{file}: is not valid TOML: {broken}") from broken


def _variables(variables: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Name, dotted key and text of each variable that is the server's."""
    known = {environment_variable(key): key for key in known_keys()}
    for name in sorted(name for name in variables if name.startswith(PREFIX)):
        key = known.get(name) or _open_key(name)
        if key is not None:
            yield name, key, variables[name]
        elif name not in CLIENTS:
            raise ConfigurationError(f"{name}: no such variable; {_nearest(name, known)}")


def _open_key(name: str) -> str | None:
    for table in OPEN:
        start = environment_variable(table) + "_"
        owner, _, key = name.removeprefix(start).lower().partition("_")
        if name.startswith(start) and owner and key:
            return f"{table}.{owner}.{key}"
    return None


def _nested(key: str, value: Any) -> dict[str, Any]:
    for name in reversed(key.split(".")):
        value = {name: value}
    return dict(value)


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, table in more.items():
        into[name] = {**into.get(name, {}), **table}


def _open_tables(source: Source, name: str, content: Any) -> Mapping[str, Mapping[str, Any]]:
    tables = _parsed(content)
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        raise source.error(name, f"must be tables, one for each owner: [{name}.NAME]")
    if isinstance(content, str) or not source.textual:
        return tables
    return {
        owner: {key: _parsed(value) for key, value in table.items()}
        for owner, table in tables.items()
    }


def _section(source: Source, name: str, shape: Any, content: Any) -> dict[str, Any]:
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
    tables = _parsed(content) if source.textual else content
    plain = Source(source.name, source.folder)
    if not isinstance(tables, list) or not tables:
        raise source.error("environments", "must be tables, at least one: [[environments]]")
    found = []
    for place, table in enumerate(tables):
        name = f"environments[{place}]"
        values = _section(plain, name, Environment, table)
        for key in fields(Environment):
            if key.default is MISSING and key.name not in values:
                raise source.error(f"{name}.{key.name}", "is missing; give the environment one")
        found.append(Environment(**values))
    return tuple(found)


def _typed(source: Source, key: str, shape: Any, value: Any) -> Any:
    """`value` as `shape` wants it, or the error that says what it must be."""
    if get_origin(shape) is tuple:
        (inner, _) = get_args(shape)
        return tuple(_typed(source, key, inner, entry) for entry in _entries(source, key, value))
    if shape is Path or NoneType in get_args(shape):
        return _path(source, key, value)
    if source.textual and shape is not str:
        value = _parsed(value)
    if shape is float and type(value) is int and abs(value) < 2**63:
        value = float(value)
    if type(value) is not shape:
        raise source.error(key, f"must be {KINDS[shape]}, but is {value!r}")
    return value


def _entries(source: Source, key: str, value: Any) -> Iterable[Any]:
    if source.textual:
        parsed = _parsed(value)
        texts = parsed if isinstance(parsed, list) else str(value).split(",")
        return [str(entry).strip() for entry in texts if str(entry).strip()]
    if not isinstance(value, list):
        raise source.error(key, f"must be a list, but is {value!r}")
    return value


def _path(source: Source, key: str, value: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise source.error(key, f"must be a path, but is {value!r}")
    try:
        return source.folder / Path(value).expanduser()
    except RuntimeError as unknown:  # ~name of a user who is not there
        raise source.error(key, f"{value!r} names an unknown user's home") from unknown


def _parsed(text: Any) -> Any:
    """JSON, or the text itself where it is none."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def _nearest(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    by_case = [one for one in known if one.lower() == name.lower()]
    best = [*by_case, *close]
    return f"did you mean {best[0]}?" if best else "there are: " + ", ".join(sorted(known))
