"""Checks with algorithms that stay do not wait for each other's places."""

from __future__ import annotations

from dataclasses import replace

import compute_conformance
from compute_conformance.runner import Selection
from compute_conformance.verdicts import Verdict
from tests.conformance.reference import Change, profile, reference


def places(count: int) -> Change:
    """The reference with so many places for jobs."""
    return lambda settings: replace(
        settings, environments=tuple(replace(one, maxJobs=count) for one in settings.environments)
    )


def test_side_by_side_they_find_their_places_on_a_target_with_two() -> None:
    stops = Selection(ids=lambda key: key.startswith("CE-STOP-"))
    with reference(places(2)) as app:
        report = compute_conformance.run(app, profile(), stops, workers=4)
    verdicts = {one.check.requirement.id: one.verdict for one in report.outcomes}
    assert set(verdicts.values()) == {Verdict.PASS}, verdicts


def test_what_needs_more_places_than_there_are_is_not_waited_for() -> None:
    two = Selection(ids=["CE-STOP-ALL", "CE-STOP-ENDS"].__contains__)
    with reference(places(1)) as app:
        report = compute_conformance.run(app, profile(), two)
    verdicts = {one.check.requirement.id: one.verdict for one in report.outcomes}
    assert verdicts == {"CE-STOP-ALL": Verdict.DISABLED, "CE-STOP-ENDS": Verdict.PASS}
    assert report.seconds < profile().limits.start
