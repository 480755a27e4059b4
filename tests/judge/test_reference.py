"""The reference conforms by every seed: in this process and over HTTP, whatever runs its jobs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import pytest

import compute_conformance
from compute_conformance.profile import from_document, load
from compute_conformance.verdicts import Verdict
from compute_ref.judged.profile import create_judged
from compute_ref.settings import Environment, Server, Settings
from tests.conformance.reference import profile, reference
from tests.conformance.serving import Serving, served
from tests.judge.rightly import SEEDS, Record, judge

NOT_PASSED: Final = [one for one in Verdict if one is not Verdict.PASS]
pytestmark = pytest.mark.parametrize("seed", SEEDS)


def test_in_this_process_where_jobs_are_instant(seed: int, record_property: Record) -> None:
    with reference() as app:
        report = compute_conformance.run(app, profile(), seed=seed)
    judge(report, "reference: instant, in process", record_property, Verdict.INCONCLUSIVE)


def test_over_http_where_jobs_are_instant(seed: int, record_property: Record) -> None:
    with reference() as app, served(app) as url:
        report = compute_conformance.run(url, profile(), seed=seed, workers=4)
    judge(report, "reference: instant, HTTP", record_property, *NOT_PASSED)


def test_in_this_process_where_algorithms_run(
    seed: int, record_property: Record, tmp_path: Path
) -> None:
    server = Server(data_dir=tmp_path / "data", sync=False)
    environment = Environment("local", "local", maxJobs=4)
    app, granted = create_judged(Settings((environment,), server=server))
    with app:
        judged = from_document(tomllib.loads(granted))
        report = compute_conformance.run(app, judged, seed=seed, workers=4)
    judge(report, "reference: local, in process", record_property, Verdict.INCONCLUSIVE)


def test_over_http_where_algorithms_run(seed: int, record_property: Record, live: Serving) -> None:
    report = compute_conformance.run(live.url, load(live.profile), seed=seed, workers=4)
    judge(report, "reference: local, HTTP", record_property, *NOT_PASSED)
