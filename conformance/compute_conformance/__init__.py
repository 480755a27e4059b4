"""A conformance suite for any server of the Ocean Provider "Compute Endpoints" API.

What is offered here is imported when it is used: the plug-in for pytest is loaded in runs of
other projects as well, which must not pay for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from compute_conformance.chance import Effort
    from compute_conformance.outcomes import Outcome, Report
    from compute_conformance.profile import Profile, load
    from compute_conformance.runner import Selection
    from compute_conformance.running import run
    from compute_conformance.verdicts import Verdict

__all__ = ["Effort", "Outcome", "Profile", "Report", "Selection", "Verdict", "load", "run"]

HOMES: Final = {
    "Effort": "chance",
    "Outcome": "outcomes",
    "Profile": "profile",
    "Report": "outcomes",
    "Selection": "runner",
    "Verdict": "verdicts",
    "load": "profile",
    "run": "running",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
