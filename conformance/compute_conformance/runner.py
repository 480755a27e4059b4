"""Runs checks side by side and collects how they end."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from compute_conformance.bench import Bench
from compute_conformance.budget import Purse
from compute_conformance.chance import Chance
from compute_conformance.checking import Check, all_checks
from compute_conformance.exploring import traceless
from compute_conformance.outcomes import Outcome, Report
from compute_conformance.profile import Profile
from compute_conformance.reproducers.curl import by_curl
from compute_conformance.requirements import Access, Level, Requirement
from compute_conformance.shelf import Shelf
from compute_conformance.smoke import Miswired, environment, places
from compute_conformance.stage import Stage
from compute_conformance.targets import Target, Unreachable
from compute_conformance.verdicts import Disabled, Ended, Inconclusive, Verdict


@dataclass(frozen=True, slots=True)
class Selection:
    """Which requirements are looked at; the usual one is all."""

    ids: Callable[[str], bool] = lambda _: True
    levels: frozenset[Level] = frozenset(Level)
    capabilities: frozenset[str] | None = None
    access: Access = Access.FAULTS

    def has(self, requirement: Requirement) -> bool:
        """Whether this one is."""
        return (
            self.ids(requirement.id)
            and requirement.level in self.levels
            and (self.capabilities is None or requirement.capability in self.capabilities)
            and requirement.access <= self.access
        )


EVERYTHING: Final = Selection()
ATTEMPTS: Final = 2  # at a check that was given no answer


def run_checks(
    target: Target,
    profile: Profile,
    selection: Selection = EVERYTHING,
    *,
    chance: Chance | None = None,
    workers: int = 1,
    first_only: bool = False,
    told: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """Judge the target; `told` hears of each outcome as it comes, from any thread.

    `first_only`: nothing more is looked at once a requirement is seen to be broken.
    """
    chance = chance or Chance()
    report, begun = Report(target.name, profile), time.monotonic()
    report.seed, report.effort = chance.seed, chance.effort
    purse = Purse(profile.budget, chance.dose)
    report.started = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        found = environment(Bench(target, profile, purse))
    except Miswired as why:
        report.wiring = str(why)
    else:
        profile = replace(profile, environment=str(found.get("id") or ""))
        judge = _Judge(target, profile, purse, chance, report, told, Stage(places(found)))
        _judge_all(judge, selected(selection), workers, first_only=first_only)
    report.cut = purse.closed or purse.short
    report.seconds = time.monotonic() - begun
    return report


def _judge_all(judge: _Judge, checks: Iterable[Check], workers: int, *, first_only: bool) -> None:
    """Let the judge look at each; an interruption ends that early, a further one the clean-up."""
    begun: list[Future[Outcome]] = []
    with traceless(), ThreadPoolExecutor(workers, "check") as pool:
        try:
            begun.extend(pool.submit(judge, one) for one in checks)
            _collect(judge.report, begun, first_only=first_only)
        except KeyboardInterrupt:
            judge.report.outcomes[:] = judge.in_order()
            judge.purse.close("The run was interrupted.")
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        try:
            _leave(judge, begun)
        except KeyboardInterrupt:
            judge.purse.abandon()
            _leave(judge, begun)


def _collect(report: Report, begun: Iterable[Future[Outcome]], *, first_only: bool) -> None:
    for one in begun:
        report.outcomes.append(one.result())
        if first_only and one.result().verdict is Verdict.FAIL:
            break


def _leave(judge: _Judge, begun: Iterable[Future[Outcome]]) -> None:
    """Once the checks at work have ended, clean up.

    Their threads are not joined: whoever is interrupted there may take them for ended.
    """
    wait([one for one in begun if not one.cancelled()])
    judge.clear_shelf()


def selected(selection: Selection) -> Iterable[Check]:
    """The checks of a selection, in the register's order."""
    for checks in all_checks().values():
        for one in checks:
            if selection.has(one.requirement):
                yield one


@dataclass(frozen=True)
class _Judge:
    target: Target
    profile: Profile
    purse: Purse
    chance: Chance
    report: Report
    told: Callable[[Outcome], None]
    stage: Stage
    shelf: Shelf = field(default_factory=Shelf)
    done: list[Outcome] = field(default_factory=list)  #: as they came

    def in_order(self) -> list[Outcome]:
        """What is done, in the register's order."""
        places = {one.name: place for place, one in enumerate(selected(EVERYTHING))}
        return sorted(self.done, key=lambda outcome: places[outcome.check.name])

    def __call__(self, one: Check) -> Outcome:
        begun = time.monotonic()
        bench = self._bench(one)
        verdict, expected, observed = self._verdict(one, bench)
        self.clean(bench)
        self.stage.leave()
        seconds = time.monotonic() - begun
        script = by_curl(self.target.name, bench) if verdict is Verdict.FAIL else ""
        outcome = Outcome(one, verdict, expected, observed, seconds, bench.transcript, script)
        self.done.append(outcome)
        self.told(outcome)
        return outcome

    def _bench(self, one: Check) -> Bench:
        return Bench(
            self.target,
            self.profile,
            self.purse,
            self.shelf,
            stage=self.stage,
            chance=self.chance,
            name=one.name,
        )

    def _verdict(
        self, one: Check, bench: Bench, attempts: int = ATTEMPTS
    ) -> tuple[Verdict, str, str]:
        try:
            self._granted(one.requirement)
            one.body(bench)
        except Ended as ended:
            return ended.verdict, ended.expected, ended.observed
        except Unreachable as error:
            if attempts > 1 and not self.purse.closed:
                return self._verdict(one, bench, attempts - 1)
            return Verdict.INCONCLUSIVE, "an answer", str(error)
        except Exception:  # the suite's own fault is a verdict, told in full
            return Verdict.ERROR, "the check to work", traceback.format_exc()
        return Verdict.PASS, "", ""

    def _granted(self, requirement: Requirement) -> None:
        claimed = self.profile.capabilities
        if requirement.access > self.profile.access:
            raise Disabled(
                f"access {int(requirement.access)}", f"the profile grants {self.profile.access}"
            )
        if claimed and requirement.capability not in claimed:
            raise Disabled(f"the capability {requirement.capability}", "the profile claims it not")

    def clear_shelf(self) -> None:
        """Delete the jobs that checks shared."""
        while self.shelf.benches:
            self.clean(self.shelf.benches[0])
            del self.shelf.benches[0]

    def clean(self, bench: Bench) -> None:
        """Delete the jobs of a bench; what cannot be deleted is told, and is no verdict."""
        try:
            self.report.leftovers += bench.clean()
        except (Unreachable, Inconclusive) as error:
            self.report.leftovers += [f"{one.job_id} ({error})" for one in bench.started]
