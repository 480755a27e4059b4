"""By what a run's objects are told apart in the cluster, and what they tell of their run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final

from compute_ref.plugins import Limits, Run, run_name

ALGORITHM: Final = "algorithm"  #: the container of the algorithm
GUARD: Final = "once"  #: the init container that lets an algorithm begin once only
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
SERVER: Final = "compute-ref/server"  #: label: which server's data folder
OBJECT: Final = "compute-ref/object"  #: label: the name of the run's Job
NETWORK: Final = "compute-ref/network"  #: label of pods: "none" or "open"
RUN: Final = "compute-ref/run"  #: annotation: the run's name
JOB: Final = "compute-ref/job"  #: annotation: the job id
LIMITS: Final = "compute-ref/limits"  #: annotation: what the server has to hold, as JSON
OBJECT_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def object_name(name: str) -> str:
    """What a run's Job is called: as the run, or by a digest where that name cannot be."""
    if OBJECT_NAME.fullmatch(name):
        return name
    return f"compute-ref-{sha256(name.encode()).hexdigest()[:40]}"


def labels(name: str, server: str) -> dict[str, str]:
    """Labels of everything that belongs to the run whose Job is called `name`."""
    return {MANAGED_BY: "compute-ref", SERVER: server, OBJECT: name}


def network(run: Run) -> dict[str, str]:
    """The label of pods by which a NetworkPolicy selects them."""
    return {NETWORK: "open" if run.network else "none"}


def notes(run: Run) -> dict[str, str]:
    """What a server that finds the run needs to know of it."""
    return {
        RUN: run_name(run.job_id, run.number),
        JOB: run.job_id,
        LIMITS: json.dumps(asdict(run.limits)),
    }


def limits_of(found: Mapping[str, Any]) -> Limits:
    """The limits of the run to which an object belongs."""
    text = annotation(found, LIMITS)
    return Limits(**json.loads(text)) if text else Limits()


def annotation(found: Mapping[str, Any], key: str) -> str:
    """One annotation of an object, "" where it has none."""
    return str(found["metadata"].get("annotations", {}).get(key, ""))


def label(found: Mapping[str, Any], key: str) -> str:
    """One label of an object, "" where it has none."""
    return str(found["metadata"].get("labels", {}).get(key, ""))
