"""What judging takes: the conformance suite against the reference, in this process and live."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from benchmarks.figures import Figure, Series, bounded
from benchmarks.live import running
from compute_conformance import Effort, Report, Selection, load, run
from tests.conformance.reference import profile, reference

QUICK, FULL = Effort.QUICK, Effort.FULL
ROUNDS = {QUICK: 3, FULL: 1}
PLACES = 4  # jobs at once, and so many checks
LOCAL = f"""
[server]
port = 0
data_dir = "data"
[[environments]]
id = "local"
backend = "local"
maxJobs = {PLACES}
"""
FIXED = Selection(ids=lambda name: not name.startswith(("CE-FUZZ-", "CE-MODEL-")))
ALWAYS_SAME, HERE = 3.0, 20.0  # seconds at the most, in this process
LIVE = {QUICK: 10.0, FULL: 60.0}
Judge = partial[Report]


def figures(work: Path) -> Iterator[Figure]:
    """All of them: each but the first beside the run that it goes beyond."""
    with reference() as app:
        here = partial(run, app, profile())
        same = judged(partial(here, FIXED), QUICK)
        yield figure("what is always the same, in process", "", same, 0, ALWAYS_SAME)
        least = judged(here, QUICK)
        yield figure("quick, in process", "what is always the same", least, seconds(same), HERE)
        most = judged(here, FULL)
        yield figure("full, in process", "quick", most, seconds(least), HERE)
    with serving(work) as judge:
        beside = "the same in process"
        quick = judged(judge, QUICK)
        yield figure("quick, live", beside, quick, seconds(least), LIVE[QUICK])
        full = judged(judge, FULL)
        yield figure("full, live", beside, full, seconds(most), LIVE[FULL])


def judged(judge: Judge, effort: Effort) -> list[Report]:
    """What is said in some runs."""
    return [judge(effort=effort, seed=seed) for seed in range(ROUNDS[effort])]


def figure(kind: str, beside: str, reports: list[Report], floor: float, most: float) -> Figure:
    """How long runs took; the goal is missed as well where one did not call the server right."""
    taken = Series([report.seconds for report in reports])
    found = bounded(f"conformance, {kind}", "s", beside, taken, floor, most)
    good = not any(report.exit_code for report in reports)
    said = [report.cut for report in reports] + [one.id for r in reports for one in r.broken()]
    return replace(found, met=found.met and good, more={"said": [one for one in said if one]})


def seconds(reports: list[Report]) -> float:
    """The median of what they took."""
    return Series([report.seconds for report in reports]).median


@contextmanager
def serving(folder: Path) -> Iterator[Judge]:
    """What judges a reference that runs algorithms in a process of its own."""
    configuration, granted = folder / "compute-ref.toml", folder / "profile.toml"
    configuration.write_text(LOCAL)
    words = ["serve", "--config", str(configuration), "--conformance-profile", str(granted)]
    with running("compute_ref", words, folder) as server:
        yield partial(run, f"http://{server.netloc}", load(granted), workers=PLACES)
