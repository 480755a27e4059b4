"""A page that changed is noticed, paragraph by paragraph."""

from __future__ import annotations

from compute_conformance.page import drift, page

COPY = "\n\n".join(
    one.text.replace(" ", "\n", 1) if one.key.startswith("code-") else one.text
    for one in page().values()
)


def test_an_unchanged_copy_has_not_drifted() -> None:
    found = drift(f"Example:\n\n{COPY}\n\nReturns\n")
    assert (found.gone, found.new) == ((), ())


def test_a_changed_paragraph_is_gone_and_new() -> None:
    found = drift(COPY.replace("Unix timestamp of job creation", "ISO date of job creation"))
    assert [one.key for one in found.gone] == ["field-dateCreated"]
    assert found.new == ("dateCreated: ISO date of job creation",)


def test_a_code_of_the_table_is_told_with_its_text() -> None:
    found = drift(COPY.replace("40\nRunning algorith", "40\nRunning algorithm"))
    assert [one.key for one in found.gone] == ["code-40"]
    assert found.new == ("40 Running algorithm",)
