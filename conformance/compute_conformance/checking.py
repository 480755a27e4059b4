"""Checks: each is a function of a bench and answers for one requirement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from compute_conformance import checks
from compute_conformance.bench import Bench
from compute_conformance.requirements import Requirement, register

Body = Callable[[Bench], None]
_BODIES: Final[dict[str, list[Body]]] = {}


@dataclass(frozen=True, slots=True)
class Check:
    """A way to tell whether a target keeps a requirement. Its docstring says how."""

    name: str
    requirement: Requirement
    body: Body

    @property
    def how(self) -> str:
        """What it does."""
        return (self.body.__doc__ or "").strip()


def check(requirement: str) -> Callable[[Body], Body]:
    """Let a function answer for a requirement; it returns where the target passes."""

    def answer(body: Body) -> Body:
        _BODIES.setdefault(requirement, []).append(body)
        return body

    return answer


@cache
def all_checks() -> Mapping[str, tuple[Check, ...]]:
    """The checks of each requirement, in the register's order; KeyError for an unknown id."""
    for module in iter_modules(checks.__path__, f"{checks.__name__}."):
        import_module(module.name)
    for unknown in _BODIES.keys() - register().keys():
        raise KeyError(f"{unknown}: a check answers for it, the register does not have it")
    return {
        requirement.id: tuple(
            Check(f"{body.__module__.rpartition('.')[2]}.{body.__name__}", requirement, body)
            for body in _BODIES.get(requirement.id, ())
        )
        for requirement in register().values()
    }
