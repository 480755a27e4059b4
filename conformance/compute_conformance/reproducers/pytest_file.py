"""A failure as a file of pytest, which asks the same again and signs afresh."""

from __future__ import annotations

from collections.abc import Mapping
from pprint import pformat
from typing import Any, Final

FILE: Final = '''\
"""{id}: {sentence}

Run it with pytest where compute-conformance is installed. The variable TARGET names another
server, PROFILE the file of another profile.
"""

import os
from pathlib import Path

import compute_conformance
from compute_conformance.profile import from_document, load

TARGET = os.environ.get("TARGET", {target!r})
EXPECTED = {expected!r}
OBSERVED = {observed!r}  # when it failed
PROFILE = {profile}


def test_{name}():
    path = os.environ.get("PROFILE")
    profile = load(Path(path)) if path else from_document(PROFILE)
    only = compute_conformance.Selection(ids=["{id}"].__contains__)
    report = compute_conformance.run(TARGET, profile, only, effort="{effort}", seed={seed})
    assert not report.wiring, report.wiring
    for outcome in report.outcomes:
        found = f"expected {{outcome.expected}}; observed {{outcome.observed}}"
        assert outcome.verdict == "pass", found
'''


def as_pytest(document: Mapping[str, Any], requirement: Mapping[str, Any]) -> str:
    """The file of one requirement of a report; keys and orders of the owner's are not in it."""
    check = next(
        (one for one in requirement["checks"] if one["verdict"] == requirement["verdict"]),
        requirement["checks"][0],
    )
    return FILE.format(
        id=requirement["id"],
        name=requirement["id"].lower().replace("-", "_"),
        sentence=requirement["sentence"].replace("\\", "\\\\"),
        target=document["target"],
        effort=document["effort"],
        seed=document["seed"],
        expected=check["expected"],
        observed=check["observed"],
        profile=pformat(document["profile"], width=95),
    )
