"""Reading R13, sentence by sentence."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from compute_ref.assets.trust import (
    Candidate,
    allows_network,
    container_checksum,
    credentials_refuse,
    demands_files,
    raw_refusal,
    refusal,
)

ALGO, OTHER = "did:op:" + "c" * 64, "did:op:" + "d" * 64
OWNER = "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"
CANDIDATE = Candidate(ALGO, OWNER, "ab" * 32, "cd" * 32)


def service(algorithms: Any = None, publishers: Any = None, **compute: Any) -> dict[str, Any]:
    lists = {
        "publisherTrustedAlgorithms": algorithms,
        "publisherTrustedAlgorithmPublishers": publishers,
    }
    return {"id": "use", "type": "compute", "compute": {**lists, **compute}}


def judged(
    algorithms: Any = None,
    publishers: Any = None,
    candidate: Candidate = CANDIDATE,
    empty_allows_all: bool = False,
) -> str:
    return refusal(service(algorithms, publishers), candidate, empty_allows_all)


@pytest.mark.parametrize(("algorithms", "publishers"), [(None, None), ([], []), ([], None)])
def test_empty_lists_allow_no_algorithm(algorithms: Any, publishers: Any) -> None:
    assert judged(algorithms, publishers) == "not_trusted_algo"


def test_a_service_without_a_compute_section_allows_no_algorithm() -> None:
    assert refusal({"id": "use", "type": "compute"}, CANDIDATE, False) == "not_trusted_algo"
    assert raw_refusal({"id": "use", "type": "compute"}) == "no_raw_algo_allowed"


def test_one_setting_lets_empty_lists_allow_every_published_algorithm() -> None:
    assert judged([], [], empty_allows_all=True) == ""
    assert judged([{"did": OTHER}], [], empty_allows_all=True) == "not_trusted_algo"


@pytest.mark.parametrize(
    "algorithms",
    ["*", {"did": "*"}, ["*"], [{"did": "*"}], [{"did": OTHER}, "*"], [{"did": ALGO}]],
)
def test_a_star_or_the_did_itself_allows_it(algorithms: Any) -> None:
    assert judged(algorithms) == ""


def test_another_did_does_not() -> None:
    assert judged([{"did": OTHER}]) == "not_trusted_algo"


@pytest.mark.parametrize("publishers", ["*", ["*"], [OWNER], [OWNER.lower()], [OWNER.upper()]])
def test_a_trusted_publisher_allows_all_of_theirs_in_any_letter_case(publishers: Any) -> None:
    assert judged(None, publishers) == ""


def test_another_publisher_does_not() -> None:
    assert judged(None, ["0x" + "1" * 40]) == "not_trusted_algo_publisher"


def test_an_algorithm_without_an_owner_is_nobodys() -> None:
    nobody = Candidate(ALGO, "", "", "")
    assert judged(None, [OWNER], nobody) == "not_trusted_algo_publisher"
    assert judged(None, [""], nobody) == "not_trusted_algo_publisher"
    assert judged(None, "*", nobody) == ""


def test_where_both_lists_say_something_both_must_allow() -> None:
    assert judged([{"did": ALGO}], [OWNER]) == ""
    assert judged([{"did": OTHER}], [OWNER]) == "not_trusted_algo"
    assert judged([{"did": ALGO}], ["0x" + "1" * 40]) == "not_trusted_algo_publisher"


def test_checksums_must_be_those_that_are_demanded_in_any_letter_case() -> None:
    right = {"did": ALGO, "filesChecksum": "AB" * 32, "containerSectionChecksum": "CD" * 32}
    assert judged([right]) == ""
    assert judged([{**right, "filesChecksum": "0" * 64}]) == "algorithm_file_checksum_mismatch"
    wrong = {**right, "containerSectionChecksum": "0" * 64}
    assert judged([wrong]) == "algorithm_container_checksum_mismatch"


def test_empty_checksums_demand_nothing() -> None:
    assert judged([{"did": ALGO, "filesChecksum": "", "containerSectionChecksum": None}]) == ""


def test_of_several_versions_of_one_algorithm_any_will_do() -> None:
    old, new = {"did": ALGO, "filesChecksum": "0" * 64}, {"did": ALGO, "filesChecksum": "ab" * 32}
    assert judged([old, new]) == ""
    assert judged([old, old]) == "algorithm_file_checksum_mismatch"


def test_files_are_hashed_only_where_that_is_demanded() -> None:
    assert demands_files(service([{"did": ALGO, "filesChecksum": "00"}]), ALGO)
    assert demands_files(service([{"did": "*", "filesChecksum": "00"}]), ALGO)
    assert not demands_files(service([{"did": OTHER, "filesChecksum": "00"}]), ALGO)
    assert not demands_files(service("*"), ALGO)


def test_raw_code_needs_a_yes() -> None:
    assert raw_refusal(service(allowRawAlgorithm=True)) == ""
    assert raw_refusal(service("*", "*")) == "no_raw_algo_allowed"
    assert raw_refusal(service(allowRawAlgorithm=False)) == "no_raw_algo_allowed"


def test_the_network_needs_a_yes_of_a_compute_service() -> None:
    assert allows_network(service(allowNetworkAccess=True))
    assert not allows_network(service())
    assert not allows_network({**service(allowNetworkAccess=True), "type": "access"})


def test_the_container_checksum_is_that_of_entrypoint_and_checksum() -> None:
    expected = hashlib.sha256(b"python $ALGOsha256:12").hexdigest()
    assert container_checksum("python $ALGO", "sha256:12") == expected


def listed(**lists: list[str]) -> dict[str, Any]:
    return {"credentials": {k: [{"type": "address", "values": v}] for k, v in lists.items()}}


@pytest.mark.parametrize("document", [{}, {"credentials": None}, {"credentials": {"allow": []}}])
def test_without_credentials_everybody_may_in(document: dict[str, Any]) -> None:
    assert not credentials_refuse(document, OWNER)


def test_an_allow_list_lets_in_only_those_it_names_in_any_letter_case() -> None:
    assert not credentials_refuse(listed(allow=[OWNER.lower()]), OWNER)
    assert credentials_refuse(listed(allow=["0x" + "1" * 40]), OWNER)
    assert credentials_refuse(listed(allow=[]), OWNER)


def test_a_deny_list_keeps_out_those_it_names_in_any_letter_case() -> None:
    assert credentials_refuse(listed(deny=[OWNER.upper()]), OWNER)
    assert not credentials_refuse(listed(deny=["0x" + "1" * 40]), OWNER)


def test_deny_comes_before_allow() -> None:
    assert credentials_refuse(listed(allow=[OWNER], deny=[OWNER]), OWNER)


def test_entries_of_other_types_say_nothing() -> None:
    other = {"credentials": {"deny": [{"type": "did", "values": [OWNER]}]}}
    assert not credentials_refuse(other, OWNER)
