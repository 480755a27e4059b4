"""Checks with algorithms that stay do not wait for each other's places."""

from __future__ import annotations

from dataclasses import replace

import compute_conformance
from compute_conformance.runner import Selection
from compute_conformance.verdicts import Verdict
from compute_ref.settings import Settings
from tests.conformance.reference import profile, reference


def two_places(settings: Settings) -> Settings:
    (environment,) = (one for one in settings.environments if one.id == "instant")
    return replace(settings, environments=(replace(environment, maxJobs=2),))


def test_side_by_side_they_find_their_places_on_a_target_with_two() -> None:
    stops = Selection(ids=lambda key: key.startswith("CE-STOP-"))
    with reference(two_places) as app:
        report = compute_conformance.run(app, profile(), stops, workers=4)
    verdicts = {one.check.requirement.id: one.verdict for one in report.outcomes}
    assert set(verdicts.values()) == {Verdict.PASS}, verdicts
