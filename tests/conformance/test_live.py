"""The command judges a reference server that runs algorithms, and finds nothing."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import compute_conformance
from compute_conformance.profile import load
from compute_conformance.verdicts import Verdict
from tests.conformance.reference import profile as instant_profile
from tests.conformance.reference import reference
from tests.conformance.serving import Serving, command, served

REPORTS = Path(__file__).parents[2] / "reports"


def test_the_server_shuts_algorithms_in(live: Serving) -> None:
    url = f"{live.url}/api/services/computeEnvironments?chainId=8996"
    with urllib.request.urlopen(url) as answer:
        (environment,) = json.load(answer)
    assert environment["enforced"]["filesystem"].startswith("own mounts")


def test_it_conforms(live: Serving, tmp_path: Path) -> None:
    REPORTS.mkdir(exist_ok=True)
    html, document = REPORTS / "conformance.html", tmp_path / "report.json"
    told = command(
        "run", live.url, "--profile", live.profile, "--report", html, "--report", document
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "conforms as claimed" in told.stdout
    assert html.stat().st_size > 100_000
    found = json.loads(document.read_text(encoding="utf-8"))
    verdicts = {one["id"]: one["verdict"] for one in found["requirements"]}
    assert {key: verdict for key, verdict in verdicts.items() if verdict != "pass"} == {}
    assert found["leftovers"] == []


def test_its_profile_says_all_that_a_profile_can_say(live: Serving) -> None:
    found, complete = load(live.profile), instant_profile()
    assert found.access == 3
    assert found.datasets == complete.datasets
    assert found.algorithms.keys() == complete.algorithms.keys()
    assert found.code.keys() == complete.code.keys()


def test_it_conforms_where_jobs_are_instant() -> None:
    with reference() as app, served(app) as url:
        report = compute_conformance.run(url, instant_profile(), workers=4)
    found = {
        outcome.check.requirement.id: (outcome.verdict, outcome.expected, outcome.observed)
        for outcome in report.outcomes
        if outcome.verdict is not Verdict.PASS
    }
    assert (found, report.leftovers, report.exit_code) == ({}, [], 0)
