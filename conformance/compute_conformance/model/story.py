"""What came of all programs of a run, for the checks of the model."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from compute_conformance.bench import Bench
from compute_conformance.exploring import Finding, search
from compute_conformance.model.actor import Actor, staying
from compute_conformance.model.answers import YES, ids
from compute_conformance.model.histories import HISTORIES
from compute_conformance.model.known import Broken
from compute_conformance.model.programs import Program, programs
from compute_conformance.verdicts import Disabled, Ended, Failed, Inconclusive, Unsupported

ROUNDS: Final = 12  # each looks on after what the former ones found
LESS: Final = 4  #: the share of programs of each further round
FORGED: Final = "CE-MODEL-FORGED"  # where others act in one's name, nothing else can be known
STAYS: Final = "CE-MODEL-RUNS-ON"
AGAIN: Final = ("CE-MODEL-RESTART", "CE-MODEL-RESTART-REFUSED")


@dataclass
class Story:
    """What was found broken, by requirement, and why it does not go on."""

    restarts: bool = False
    stays: bool = False  #: whether algorithms were run that stay
    found: dict[str, Finding] = field(default_factory=dict)
    ended: Ended | None = None


def tell(bench: Bench, requirement: str) -> None:
    """End as the programs did for this requirement; they run once in a run."""
    story = bench.shared("programs", _explored)
    finding = story.found.get(requirement)
    if finding:
        bench.transcript[:] = finding.transcript
        raise finding.raised()
    if story.ended:
        raise story.ended
    if requirement in AGAIN and not story.restarts:
        raise Unsupported("an ended job that can be restarted")
    if requirement == STAYS and not story.stays:
        raise Disabled("an algorithm that stays, and a place beside it", "there is none")


def _explored(bench: Bench) -> Story:
    """Look for one broken requirement after another, until no more is found."""
    own, dose = replace(bench, name="programs"), bench.chance.dose
    story = Story(_restarts(own), staying(own) is not None)
    try:
        for _ in range(ROUNDS):
            trial = _Trial(frozenset(story.found), restarts=story.restarts)
            count = max(1, dose.programs // LESS) if story.found else dose.programs
            finding = search(own, programs(dose.steps), trial, count, HISTORIES)
            if finding is None or not isinstance(finding.failed, Broken):
                break
            story.found[finding.failed.requirement] = finding
            if finding.failed.requirement == FORGED:
                break
    except Ended as ended:
        story.ended = ended
    return story


class _Trial:
    """Run a program where these requirements are known to be broken."""

    def __init__(self, forgiven: frozenset[str], *, restarts: bool) -> None:
        self._forgiven, self._restarts = forgiven, restarts

    def __call__(self, bench: Bench, program: Program) -> None:
        try:
            Actor(bench, self._forgiven, restarts=self._restarts).run(program)
        except Broken:
            raise
        except Failed as failed:  # the form of an answer: others look at that
            raise Inconclusive(failed.expected, failed.observed) from failed


def _restarts(bench: Bench) -> bool:
    """Whether a job that has ended can be run again here."""
    job = bench.start()
    bench.finished(job)
    said: dict[str, Any] = {"dataset": bench.profile.dataset("open"), "jobId": job.job_id}
    answer = bench.send(job.consumer.start_request(**said))
    return answer.status in YES and ids(answer) == [job.job_id]
