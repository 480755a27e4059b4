"""The register and the checks are one: no requirement without a check, no check without one."""

from __future__ import annotations

import re
from pathlib import Path

from compute_conformance.checking import all_checks
from compute_conformance.ledger import ledger
from compute_conformance.page import page
from compute_conformance.renderings.register import requirements
from compute_conformance.requirements import register


def test_every_requirement_has_a_check() -> None:
    assert [key for key, checks in all_checks().items() if not checks] == []


def test_every_check_says_how_it_looks() -> None:
    silent = [check.name for checks in all_checks().values() for check in checks if not check.how]
    assert silent == []


def test_ids_and_sentences_have_their_form() -> None:
    for requirement in register().values():
        assert re.fullmatch(r"CE(-[A-Z0-9]+){2,}", requirement.id)
        assert re.fullmatch(r"[A-Z`].*\.", requirement.sentence), requirement.id


def test_the_page_of_requirements_is_made_of_the_register() -> None:
    page = Path(__file__).parents[2] / "conformance" / "REQUIREMENTS.md"
    assert page.read_text(encoding="utf-8") == requirements()


def test_every_reference_leads_somewhere() -> None:
    for requirement in register().values():
        assert set(requirement.page) <= page().keys(), requirement.id
        assert not requirement.reading or requirement.reading in ledger(), requirement.id
