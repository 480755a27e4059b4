"""Two reports are compared by their verdicts."""

from __future__ import annotations

from compute_conformance.comparing import differences
from compute_conformance.requirements import register
from compute_conformance.verdicts import Verdict
from tests.conformance.sample import sample

FIRST, SECOND = [*register()][:2]


def test_reports_that_say_the_same_do_not_differ() -> None:
    assert differences(sample(Verdict.PASS), sample(Verdict.PASS)) == []


def test_what_passed_and_fails_is_a_regression() -> None:
    (one,) = differences(sample(Verdict.PASS, Verdict.FAIL), sample(Verdict.FAIL, Verdict.FAIL))
    assert (one.id, one.before, one.after, one.regression) == (FIRST, "pass", "fail", True)


def test_what_failed_and_passes_is_none() -> None:
    (one,) = differences(sample(Verdict.FAIL), sample(Verdict.PASS))
    assert not one.regression


def test_what_was_not_looked_at_before_is_a_regression_only_if_it_fails() -> None:
    (passes,) = differences(sample(Verdict.PASS), sample(Verdict.PASS, Verdict.PASS))
    (fails,) = differences(sample(Verdict.PASS), sample(Verdict.PASS, Verdict.FAIL))
    assert (passes.id, passes.regression, fails.regression) == (SECOND, False, True)


def test_what_passed_and_cannot_be_told_any_more_is_lost() -> None:
    (gone,) = differences(sample(Verdict.PASS, Verdict.PASS), sample(Verdict.PASS))
    (blurred,) = differences(sample(Verdict.PASS), sample(Verdict.INCONCLUSIVE))
    assert (gone.lost, gone.regression, blurred.lost) == (True, False, True)
