"""Servers that differ from the reference within what the page and the ledger allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

import webob

from compute_conformance.requirements import Level
from tests.conformance.defects.defect import COMPUTE, WSGI, Wrong
from tests.conformance.reference import reference


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to be different, and the highest level at which it claims to conform."""

    apply: Callable[[Wrong], None]
    level: Level

    @property
    def levels(self) -> frozenset[Level]:
        """The levels that it claims."""
        return frozenset(LEVELS[: LEVELS.index(self.level) + 1])


VARIANTS: Final[dict[str, Variant]] = {}
LEVELS: Final = (Level.INTEROPERABLE, Level.DOCUMENTED, Level.ROBUST)
SERVICES: Final = "/api/services"
ENVIRONMENTS: Final = f"{SERVICES}/computeEnvironments"


def variant(
    name: str, level: Level = Level.ROBUST
) -> Callable[[Callable[[Wrong], None]], Callable[[Wrong], None]]:
    """Register a way to be different that conforms up to this level."""

    def register(apply: Callable[[Wrong], None]) -> Callable[[Wrong], None]:
        VARIANTS[name] = Variant(apply, level)
        return apply

    return register


@contextmanager
def server(name: str) -> Iterator[WSGI]:
    """The reference, different in this way."""
    with ExitStack() as stack:
        wrong = Wrong(stack)
        VARIANTS[name].apply(wrong)
        with reference(wrong.changed) as app:
            yield wrong.around(app)


def calls(request: webob.Request, *methods: str) -> bool:
    """Whether a request is a call of compute by one of the methods."""
    return request.method in methods and request.path == COMPUTE
