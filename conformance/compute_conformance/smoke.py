"""Looks first whether anything can be said of a target at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compute_conformance.bench import Bench
from compute_conformance.consumers import ENVIRONMENTS
from compute_conformance.exchanges import environments_of
from compute_conformance.profile import Profile
from compute_conformance.targets import Unreachable
from compute_conformance.verdicts import Failed


class Miswired(Exception):
    """The target cannot be judged; the text says why, and what to do."""


def environment(bench: Bench) -> Mapping[str, Any]:
    """The environment of the profile, or else the first one of its chain, as the target tells it.

    Raises Miswired.
    """
    try:
        answer = bench.get(ENVIRONMENTS, chainId=bench.profile.chain)
        return _chosen(environments_of(answer, bench.profile.chain), bench.profile)
    except Unreachable as error:
        raise Miswired(
            f"There was no answer ({error}). Check the URL and whether the server runs."
        ) from error
    except Failed as failed:
        raise Miswired(
            f"This does not seem to be a server of this API: expected {failed.expected} from "
            f"computeEnvironments; observed {failed.observed}."
        ) from failed


def _chosen(environments: list[Any], profile: Profile) -> Mapping[str, Any]:
    if not environments:
        raise Miswired(
            f"The target serves no environment on chain {profile.chain}; name another in the"
            " profile."
        )
    told = [one for one in environments if isinstance(one, dict)]
    wanted = profile.environment
    return next((one for one in told if wanted in ("", one.get("id"))), {"id": wanted})


def places(environment: Mapping[str, Any]) -> int | None:
    """How many jobs it runs at once, a number or its text, where it says so."""
    try:
        return int(environment["maxJobs"])
    except (KeyError, TypeError, ValueError):
        return None
