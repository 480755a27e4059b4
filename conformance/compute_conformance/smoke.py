"""Looks first whether anything can be said of a target at all."""

from __future__ import annotations

from compute_conformance.bench import Bench, environments_of
from compute_conformance.consumers import ENVIRONMENTS
from compute_conformance.exchanges import Answer
from compute_conformance.targets import Unreachable
from compute_conformance.verdicts import Failed


def wiring(bench: Bench) -> str:
    """Why the target cannot be judged; "" where it can."""
    try:
        answer = bench.get(ENVIRONMENTS, chainId=bench.profile.chain)
        return _environments(answer, bench.profile.chain)
    except Unreachable as error:
        return f"There was no answer ({error}). Check the URL and whether the server runs."
    except Failed as failed:
        return (
            f"This does not seem to be a server of this API: expected {failed.expected} from "
            f"computeEnvironments; observed {failed.observed}."
        )


def _environments(answer: Answer, chain: int) -> str:
    if not environments_of(answer, chain):
        return f"The target serves no environment on chain {chain}; name another in the profile."
    return ""
