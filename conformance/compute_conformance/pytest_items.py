"""Requirements as items of pytest: each is named by its id, in the file that registers it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from compute_conformance.chance import Chance, Effort
from compute_conformance.outcomes import Outcome
from compute_conformance.profile import Profile, ProfileInvalid, load
from compute_conformance.requirements import Access, Level, register
from compute_conformance.runner import Selection, run_checks
from compute_conformance.targets import Live
from compute_conformance.verdicts import Verdict

REGISTER: Final = Path(__file__).parent / "register"
SKIPPED: Final = frozenset({Verdict.UNSUPPORTED, Verdict.DISABLED, Verdict.INCONCLUSIVE})
NOTED: Final = frozenset({Verdict.WARN, Verdict.CONTESTED})
Outcomes = dict[str, list[Outcome]]
OUTCOMES: Final = pytest.StashKey[Outcomes]()


class NotConforming(AssertionError):
    """The target does otherwise than a requirement says."""


class SuiteFailed(Exception):
    """A check itself went wrong; that says nothing of the target."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the command `run` has, too."""
    group = parser.getgroup("compute_conformance")
    group.addoption("--target", help="URL of the server to be judged")
    group.addoption("--profile", type=Path, help="what the suite cannot know of the target")
    group.addoption("--level", action="append", choices=[one.value for one in Level])
    group.addoption("--access", type=int, choices=range(4), default=3)
    group.addoption("--effort", choices=[one.value for one in Effort], default=Effort.QUICK)
    group.addoption("--seed", type=int, default=0, help="repeats what was tried by chance")
    group.addoption("--jobs", type=int, default=4, help="checks that run at once")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Each file of the register."""
    if file_path.parent == REGISTER and file_path.suffix == ".toml":
        return RegisterFile.from_parent(parent, path=file_path)
    return None


class RegisterFile(pytest.File):
    """The requirements of one capability."""

    def collect(self) -> Iterator[pytest.Item]:
        """Those of the levels and the access that are asked for."""
        options = self.config.option
        levels = options.level or [one.value for one in Level]
        for entry in tomllib.loads(self.path.read_text(encoding="utf-8"))["requirement"]:
            one = register()[entry["id"]]
            if one.level in levels and one.access <= options.access:
                yield RequirementItem.from_parent(self, name=one.id)


class RequirementItem(pytest.Item):
    """One requirement."""

    def setup(self) -> None:
        """Judge the target, if that is not done; an error is the suite's own."""
        for one in self._outcomes():
            if one.verdict is Verdict.ERROR:
                raise SuiteFailed(one.observed)

    def runtest(self) -> None:
        """Say how its checks ended."""
        for one in self._outcomes():
            if one.verdict is Verdict.FAIL:
                raise NotConforming(_said(one))
        for one in self._outcomes():
            if one.verdict in NOTED:
                self.warn(pytest.PytestWarning(f"{one.verdict}: {self.name}: {_said(one)}"))
        ended = self._outcomes()
        if ended and all(one.verdict in SKIPPED for one in ended):
            pytest.skip(f"{ended[0].verdict}: {_said(ended[0])}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any) -> str:
        """The requirement, and what was seen instead."""
        found = f"{self.name}: {register()[self.name].sentence}\n{excinfo.value}"
        scripts = [one.script for one in self._outcomes() if one.script]
        return "\n\n".join((found, *scripts[:1]))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it stands."""
        return self.path, None, self.name

    def _outcomes(self) -> Sequence[Outcome]:
        stash = self.session.stash
        if OUTCOMES not in stash:
            stash[OUTCOMES] = _judged(self.session)
        return stash[OUTCOMES].get(self.name, ())


def _judged(session: pytest.Session) -> Outcomes:
    """All that pytest is to run, judged at once; where nothing can be, pytest ends with 2."""
    config = session.config
    wanted = {item.name for item in session.items if isinstance(item, RequirementItem)}
    only = Selection(ids=wanted.__contains__, access=Access(config.option.access))
    profile = _profile(config)
    target = Live(config.option.target or profile.url, profile.limits.request)
    chance = Chance(config.option.seed, Effort(config.option.effort))
    report = run_checks(target, profile, only, chance=chance, workers=config.option.jobs)
    if report.wiring or report.cut:
        pytest.exit(f"{target.name} could not be judged: {report.wiring or report.cut}", 2)
    found: Outcomes = {}
    for outcome in report.outcomes:
        found.setdefault(outcome.check.requirement.id, []).append(outcome)
    return found


def pytest_collection(session: pytest.Session) -> None:
    """Say at once what cannot be used."""
    profile = _profile(session.config)
    try:
        Live(session.config.option.target or profile.url, profile.limits.request)
    except ValueError as invalid:
        raise pytest.UsageError(f"--target: {invalid}") from invalid


def _profile(config: pytest.Config) -> Profile:
    try:
        return load(config.option.profile) if config.option.profile else Profile()
    except ProfileInvalid as invalid:
        raise pytest.UsageError(f"--profile: {invalid}") from invalid


def _said(one: Outcome) -> str:
    return f"expected {one.expected}; observed {one.observed}"
