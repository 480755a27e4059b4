"""What is made of a report: nothing of the target's gets loose in it, and nothing is lost."""

from __future__ import annotations

import json
from collections import Counter
from xml.etree import ElementTree

import pytest

from compute_conformance.renderings import RENDERINGS
from compute_conformance.requirements import register
from compute_conformance.verdicts import Verdict
from tests.conformance.sample import SIGNATURE, TOKEN, sample, unreachable


@pytest.mark.parametrize("ending", [".json", *RENDERINGS])
def test_neither_signature_nor_token_is_shown(ending: str) -> None:
    found = sample()
    text = json.dumps(found) if ending == ".json" else RENDERINGS[ending](found)
    assert "what is right" in text or ending in {".svg", ".har"}
    assert SIGNATURE not in text
    assert TOKEN not in text


def test_junit_counts_what_failed_and_what_was_skipped() -> None:
    root = ElementTree.fromstring(RENDERINGS[".xml"](sample()))
    cases = [*root.iter("testcase")]
    found = Counter(child.tag for case in cases for child in case if child.tag != "properties")
    assert (root.get("failures"), root.get("errors")) == ("1", "1")
    assert found == {"failure": 1, "error": 1, "skipped": 4}
    assert root.get("skipped") == "4"
    ids = [one.get("value") for one in root.iter("property") if one.get("name") == "id"]
    assert ids == [key for key, _ in zip(register(), Verdict, strict=False)]


def test_junit_has_an_error_where_nothing_could_be_judged() -> None:
    root = ElementTree.fromstring(RENDERINGS[".xml"](unreachable()))
    assert [one.get("message") for one in root.iter("error")] == ["error"]


def test_markdown_keeps_a_target_that_writes_markup_in_its_cell() -> None:
    lines = RENDERINGS[".md"](sample(Verdict.FAIL)).splitlines()
    (row,) = [line for line in lines if line.startswith("| `CE-")]
    assert row.replace("\\|", "").count("|") == 4
    assert "<img" not in row.replace("\\<", "")


def test_the_badge_tells_the_verdict_apart() -> None:
    conforms, broken = (
        RENDERINGS[".svg"](sample(Verdict.PASS)),
        RENDERINGS[".svg"](sample(Verdict.FAIL)),
    )
    assert "conforms (1)" in conforms
    assert "1 of 1 failed" in broken
    assert "not judged" in RENDERINGS[".svg"](unreachable())
    assert ElementTree.fromstring(conforms).tag.endswith("svg")


def test_the_archive_has_every_exchange_with_its_requirement() -> None:
    entries = json.loads(RENDERINGS[".har"](sample(Verdict.PASS, Verdict.FAIL)))["log"]["entries"]
    assert [entry["comment"] for entry in entries] == [*register()][:2]
    assert {entry["response"]["status"] for entry in entries} == {200}
