"""What came of a run: one outcome for each check, and what is told of the whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from compute_conformance.chance import Effort
from compute_conformance.checking import Check
from compute_conformance.exchanges import Answer, Request
from compute_conformance.profile import Profile
from compute_conformance.requirements import Level, Requirement
from compute_conformance.verdicts import Verdict

#: of several checks of one requirement, the first of these is its verdict
ORDER = (
    Verdict.ERROR,
    Verdict.FAIL,
    Verdict.CONTESTED,
    Verdict.WARN,
    Verdict.INCONCLUSIVE,
    Verdict.UNSUPPORTED,
    Verdict.PASS,
    Verdict.DISABLED,
)


@dataclass(frozen=True)
class Outcome:
    """How one check ended, with its evidence."""

    check: Check
    verdict: Verdict
    expected: str = ""
    observed: str = ""
    seconds: float = 0
    transcript: Sequence[tuple[Request, Answer]] = ()
    script: str = ""  #: of a failure: the same requests by curl, signed afresh


@dataclass
class Report:
    """Everything that a run found; the renderings read nothing else."""

    target: str
    profile: Profile = field(default_factory=Profile)
    outcomes: list[Outcome] = field(default_factory=list)
    wiring: str = ""  #: why nothing could be checked
    cut: str = ""  #: why not everything was checked
    leftovers: list[str] = field(default_factory=list)  #: jobs that could not be deleted
    seed: int = 0
    effort: Effort = Effort.QUICK
    started: str = ""  #: in UTC, as ISO 8601 writes it
    seconds: float = 0

    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of each requirement that was looked at."""
        found: dict[str, set[Verdict]] = {}
        for outcome in self.outcomes:
            found.setdefault(outcome.check.requirement.id, set()).add(outcome.verdict)
        return {key: min(all_of, key=ORDER.index) for key, all_of in found.items()}

    def broken(self) -> list[Requirement]:
        """The requirements that the target does not keep, the one to blame first."""
        verdicts = self.verdicts()
        seen = {
            outcome.check.requirement.id: outcome.check.requirement for outcome in self.outcomes
        }
        return [seen[key] for key, verdict in verdicts.items() if verdict is Verdict.FAIL]

    def counts(self, level: Level | None = None) -> Counter[Verdict]:
        """How many requirements have each verdict, of all levels or of one."""
        levels = {one.check.requirement.id: one.check.requirement.level for one in self.outcomes}
        return Counter(
            verdict for key, verdict in self.verdicts().items() if level in {None, levels[key]}
        )

    @property
    def exit_code(self) -> int:
        """0: it conforms as claimed; 1: it does not; 2: that could not be found out."""
        if self.wiring or self.cut or self.counts()[Verdict.ERROR]:
            return 2
        return 1 if self.broken() else 0
