"""Looks first whether anything can be said of a target at all."""

from __future__ import annotations

from typing import Any

from compute_conformance.bench import Bench, environments_of
from compute_conformance.consumers import ENVIRONMENTS
from compute_conformance.targets import Unreachable
from compute_conformance.verdicts import Failed


class Miswired(Exception):
    """The target cannot be judged; the text says why, and what to do."""


def first_environment(bench: Bench) -> str:
    """The id of the first environment of the profile's chain, or Miswired."""
    try:
        answer = bench.get(ENVIRONMENTS, chainId=bench.profile.chain)
        return _first(environments_of(answer, bench.profile.chain), bench.profile.chain)
    except Unreachable as error:
        raise Miswired(
            f"There was no answer ({error}). Check the URL and whether the server runs."
        ) from error
    except Failed as failed:
        raise Miswired(
            f"This does not seem to be a server of this API: expected {failed.expected} from "
            f"computeEnvironments; observed {failed.observed}."
        ) from failed


def _first(environments: list[Any], chain: int) -> str:
    if not environments:
        raise Miswired(
            f"The target serves no environment on chain {chain}; name another in the profile."
        )
    first = environments[0]
    return str(first.get("id") or "") if isinstance(first, dict) else ""
