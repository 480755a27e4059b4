"""Names that are one, and values that are none."""

from __future__ import annotations

import pytest

from compute_ref.http.parameters import unified
from compute_ref.refusals import Malformed


def test_absent_null_and_empty_are_the_same() -> None:
    assert unified({"a": None, "b": "", "c": 0, "d": []}) == {"c": 0, "d": []}


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ("owner", "consumerAddress"),
        ("chainID", "chainId"),
        ("additionalInputs", "additionalDatasets"),
    ],
)
def test_synonyms_are_one_name(other: str, name: str) -> None:
    assert unified({other: "x"}) == {name: "x"}
    assert unified({other: "x", name: "x"}) == {name: "x"}
    assert unified({other: "", name: "x"}) == {name: "x"}
    with pytest.raises(Malformed) as refused:
        unified({other: "x", name: "y"})
    assert list(refused.value.errors) == [other]


def test_an_empty_list_of_inputs_beside_datasets_is_absent() -> None:
    # ocean.py always sends additionalInputs, and always empty.
    given = {"additionalInputs": [], "additionalDatasets": [{"documentId": "d"}]}
    assert unified(given) == {"additionalDatasets": [{"documentId": "d"}]}


def test_a_synonym_of_a_strange_type_is_compared_all_the_same() -> None:
    with pytest.raises(Malformed):
        unified({"owner": {"a": 1}, "consumerAddress": "0x1"})
