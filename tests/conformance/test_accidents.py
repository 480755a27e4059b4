"""No answer, or an application that raises: what is made of it in a run."""

from __future__ import annotations

from collections.abc import Callable

import compute_conformance
from compute_conformance.exchanges import Answer, Request
from compute_conformance.outcomes import Outcome
from compute_conformance.runner import Selection, run_checks
from compute_conformance.targets import InProcess, Unreachable
from compute_conformance.verdicts import Verdict
from tests.conformance.reference import profile, reference

ONE = Selection(ids=lambda key: key == "CE-ROOT-OBJECT")


class Shaky:
    """The reference; `fails` says of the n-th request to its root whether it has no answer."""

    name = "shaky"

    def __init__(self, target: InProcess, fails: Callable[[int], bool]) -> None:
        self._target, self._fails, self._asked = target, fails, 0

    def send(self, request: Request) -> Answer:
        if request.path == "/":
            self._asked += 1
            if self._fails(self._asked):
                raise Unreachable("the connection was reset")
        return self._target.send(request)


def judged(fails: Callable[[int], bool]) -> Outcome:
    with reference() as app:
        (outcome,) = run_checks(Shaky(InProcess(app), fails), profile(), ONE).outcomes
    return outcome


def statuses(outcome: Outcome) -> list[int]:
    return [answer.status for _, answer in outcome.transcript]


def test_one_accident_is_forgiven_and_on_record() -> None:
    outcome = judged(lambda asked: asked == 1)
    assert (outcome.verdict, statuses(outcome)) == (Verdict.PASS, [0, 200])
    assert b"reset" in outcome.transcript[0][1].body


def test_a_second_one_leaves_it_open() -> None:
    outcome = judged(lambda asked: True)
    assert (outcome.verdict, statuses(outcome)) == (Verdict.INCONCLUSIVE, [0, 0])


def test_an_application_that_raises_answers_500() -> None:
    with reference() as app:

        def broken(environ: dict[str, str], start_response: object) -> object:
            if environ["PATH_INFO"] == "/":
                raise RuntimeError("a bug")
            return app(environ, start_response)  # type: ignore[arg-type]

        report = compute_conformance.run(broken, profile(), ONE)  # type: ignore[arg-type]
    (outcome,) = report.outcomes
    assert (outcome.verdict, statuses(outcome)) == (Verdict.FAIL, [500])
