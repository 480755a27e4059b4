"""The pytest plug-in, as another project has it."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

SUITE = """
import json
from urllib.request import urlopen


def test_in_process(compute_app):
    consumer = compute_app.consumer()
    (job,) = consumer.start("instant: write answer.txt 42").json
    assert compute_app.finished(job["jobId"])["status"] == 70


def test_live(compute_server):
    with urlopen(compute_server) as answer:
        assert "computeStart" in json.load(answer)["serviceEndpoints"]
"""


def test_both_fixtures_are_there_without_any_import(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    outcome = pytester.runpytest_subprocess("-q")
    outcome.assert_outcomes(passed=2)
