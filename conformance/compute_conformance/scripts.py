"""What an algorithm of a check is to do, in steps; the profile knows how the target's says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One action, and what it is told."""

    action: str
    told: Mapping[str, Any]

    def code(self, template: str) -> str:
        """The profile's template, with ``{name}`` replaced by what is told of that name."""
        for name, value in self.told.items():
            template = template.replace("{" + name + "}", str(value))
        return template


def say(token: str) -> Step:
    """Print a word, which the algorithm's log then has."""
    return Step("say", {"token": token})


def complain(token: str) -> Step:
    """Print a word as an error, which the algorithm's log then has as well."""
    return Step("complain", {"token": token})


def stay(seconds: float) -> Step:
    """Go on running for at least so many seconds. A check that asks for it stops the job."""
    return Step("stay", {"seconds": seconds})


def fail(code: int) -> Step:
    """End with this exit code."""
    return Step("fail", {"code": code})


def write(name: str, text: str) -> Step:
    """Write an output of one line; its name may have folders. The content ends in a line end."""
    return Step("write", {"name": name, "text": text})
