"""One call that judges a server."""

from __future__ import annotations

from typing import Final

from compute_conformance.chance import Chance, Effort
from compute_conformance.outcomes import Report
from compute_conformance.profile import Profile
from compute_conformance.runner import EVERYTHING, Selection, run_checks
from compute_conformance.targets import WSGI, InProcess, Live

NOTHING: Final = Profile()  #: grants no job


def run(
    target: str | WSGI,
    profile: Profile = NOTHING,
    selection: Selection = EVERYTHING,
    *,
    effort: Effort = Effort.QUICK,
    seed: int = 0,
    workers: int = 1,
    first_only: bool = False,
) -> Report:
    """Judge a server by its URL, or a WSGI callable in this process.

    `effort` says how much is tried beyond the checks that always do the same, and `seed` repeats
    what was chosen there. `workers` checks run at once; with `first_only` nothing more is looked
    at once a requirement is seen to be broken. Without a profile only what needs no job is.
    """
    judged = Live(target, profile.limits.request) if isinstance(target, str) else InProcess(target)
    chance = Chance(seed, effort)
    return run_checks(
        judged, profile, selection, chance=chance, workers=workers, first_only=first_only
    )
