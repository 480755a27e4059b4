"""How a check ends. One that returns has passed; every other end is raised by its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, ClassVar


class Verdict(StrEnum):
    """What is said of a requirement; never lumped into one figure."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    WARN = "warn"  #: allowed, but clients suffer from it
    UNSUPPORTED = "unsupported"  #: refused in a way that is valid
    DISABLED = "disabled"  #: the profile or the command line leaves it out
    INCONCLUSIVE = "inconclusive"  #: what has to be there first was not, or patience ran out
    CONTESTED = "contested"  #: another reading than the elected one, from the ledger
    ERROR = "error"  #: the suite itself failed


class Ended(Exception):
    """A check ended otherwise than by passing."""

    verdict: ClassVar[Verdict]

    def __init__(self, expected: object, observed: object = "") -> None:
        self.expected, self.observed = str(expected), shown(observed)
        super().__init__(f"expected {self.expected}; observed {self.observed}")


class Failed(Ended):
    """The target does otherwise than the requirement says."""

    verdict = Verdict.FAIL
    transcript: list[Any]  #: what was said, where an example failed


class Warned(Ended):
    """The target may do this, but its clients will suffer from it."""

    verdict = Verdict.WARN


class Unsupported(Ended):
    """The target says that it does not have this, in a valid way."""

    verdict = Verdict.UNSUPPORTED


class Disabled(Ended):
    """The profile leaves out what this check needs."""

    verdict = Verdict.DISABLED


class Inconclusive(Ended):
    """Nothing can be said: a step before the one in question did not work."""

    verdict = Verdict.INCONCLUSIVE


class Late(Inconclusive):
    """What was waited for did not come in its time."""


class Contested(Ended):
    """The target follows a reading of the page that the ledger knows and did not elect."""

    verdict = Verdict.CONTESTED


def expect(holds: object, expected: str, observed: object = "something else") -> None:
    """Raise Failed unless it holds."""
    if not holds:
        raise Failed(expected, observed)


def elected(holds: object, other: object, expected: str, observed: object) -> None:
    """Raise Contested where only another reading of the ledger holds, Failed where none does."""
    if not holds and other:
        raise Contested(expected, observed)
    expect(holds, expected, observed)


@contextmanager
def given(what: str) -> Iterator[None]:
    """What a check needs before its own question: where it fails, that is another's to blame."""
    try:
        yield
    except Failed as failed:
        raise Inconclusive(f"{what}: {failed.expected}", failed.observed) from failed


def shown(observed: object, most: int = 500) -> str:
    """An observation as a line of text."""
    text = str(observed)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"
