"""The register: what is required of a server, as data.

Each file of ``register`` holds the requirements of one capability, in the order in which they are
checked and blamed. An id is never used again for another requirement.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any


class Level(StrEnum):
    """How much is asked for."""

    INTEROPERABLE = "interoperable"  #: deployed servers and clients rely on it
    DOCUMENTED = "documented"  #: the page says it, with the readings of the ledger
    ROBUST = "robust"  #: what a trustworthy server does beyond the page


class Tier(StrEnum):
    """Where a requirement comes from."""

    PAGE = "page"  #: a sentence of the page
    EXAMPLE = "example"  #: an example or a parameter list of the page
    SERVER = "server"  #: what deployed servers do
    CLIENT = "client"  #: what deployed clients need
    HTTP = "http"  #: the general documents of HTTP
    OURS = "ours"  #: what closes a hole that the page leaves open


class Access(IntEnum):
    """What the owner of a target has to grant before a requirement can be checked."""

    NONE = 0  #: no job
    JOB = 1  #: a dataset and an algorithm that may meet
    ALGORITHM = 2  #: an algorithm that does what it is told
    FAULTS = 3  #: many calls at once, and restarts of the server


@dataclass(frozen=True, slots=True)
class Requirement:
    """One testable sentence."""

    id: str
    sentence: str
    level: Level
    capability: str
    tier: Tier
    access: Access
    page: tuple[str, ...] = ()  #: keys of the page's paragraphs that it rests on
    reading: str = ""  #: the ledger's entry where the page contradicts itself
    security: bool = False  #: who breaks it harms its users' data or rights


@cache
def register() -> Mapping[str, Requirement]:
    """Every requirement by its id, in the register's order; ValueError for an id given twice."""
    found: dict[str, Requirement] = {}
    for file in sorted(_files(), key=lambda one: one.name):
        for requirement in parsed(file.read_text(encoding="utf-8")):
            if requirement.id in found:
                raise ValueError(f"{file.name}: {requirement.id} is there already; choose another")
            found[requirement.id] = requirement
    return found


def parsed(text: str) -> Iterator[Requirement]:
    """The requirements of one file of the register."""
    document = tomllib.loads(text)
    for entry in document["requirement"]:
        yield _requirement({"capability": document["capability"], **entry})


def _files() -> Iterator[Traversable]:
    for file in files(__package__).joinpath("register").iterdir():
        if file.name.endswith(".toml"):
            yield file


def _requirement(entry: Mapping[str, Any]) -> Requirement:
    fields = dict(entry)
    fields["level"] = Level(fields["level"])
    fields["tier"] = Tier(fields["tier"])
    fields["access"] = Access(fields["access"])
    fields["page"] = tuple(fields.get("page", ()))
    return Requirement(**fields)
