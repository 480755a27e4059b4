from __future__ import annotations

from typing import Any

import pytest

from compute_ref.assets.soundness import DdoInvalid, check_ddo

DID = "did:op:" + "a" * 64
FILES = [{"type": "file", "path": "x.csv"}]


def document(**changes: Any) -> dict[str, Any]:
    service = {"id": "use", "type": "compute", "files": FILES}
    return {"id": DID, "services": [service], **changes}


def with_service(**changes: Any) -> dict[str, Any]:
    return document(services=[{"id": "use", "type": "compute", "files": FILES, **changes}])


def test_a_small_document_is_sound() -> None:
    assert check_ddo(document()) == document()


def test_sections_may_be_null() -> None:
    nulls = dict.fromkeys(("metadata", "nft", "credentials"))
    assert check_ddo({**with_service(compute=None, timeout=None), **nulls})


def test_a_service_of_another_type_needs_no_files() -> None:
    assert check_ddo(with_service(type="wss", files="0xencrypted"))


def test_everyone_may_be_trusted_by_a_star_or_a_list_with_one() -> None:
    for trusted in ("*", {"did": "*"}, ["*"], [{"did": "*"}], [{"did": DID}], None, []):
        assert check_ddo(with_service(compute={"publisherTrustedAlgorithms": trusted}))
    for publishers in ("*", ["*"], ["0x1"], None, []):
        compute = {"publisherTrustedAlgorithmPublishers": publishers}
        assert check_ddo(with_service(compute=compute))


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ([], "a DDO is a JSON object"),
        (document(id=DID.upper()), "id must be did:op:"),
        (document(id=DID + "\n"), "id must be did:op:"),
        (document(id=7), "id must be did:op:"),
        (document(services=[]), "services must be a list"),
        (document(services={"0": {}}), "services must be a list"),
        (document(services=["use"]), "services[0]: must be an object"),
        (document(services=document()["services"] * 2), "services must have different ids"),
        (with_service(id=0), "services[0]: id must be a text"),
        (with_service(type=""), "services[0]: type must be a text"),
        (with_service(files="0xencrypted"), "services[0]: files must be a list of file objects"),
        (with_service(files=[]), "services[0]: files must be a list of file objects"),
        (with_service(files=[{"path": "x"}]), "services[0]: files must be a list of file objects"),
        (with_service(timeout=-1), "services[0]: timeout must be seconds"),
        (with_service(timeout=True), "services[0]: timeout must be seconds"),
        (with_service(timeout=10**400), "services[0]: timeout must be seconds"),
        (with_service(compute=[1]), "services[0]: compute must be an object"),
        (with_service(compute={"allowRawAlgorithm": "yes"}), "allowRawAlgorithm must be true or"),
        (with_service(compute={"allowNetworkAccess": 1}), "allowNetworkAccess must be true or"),
        (
            with_service(compute={"publisherTrustedAlgorithms": [{"filesChecksum": "0"}]}),
            "compute.publisherTrustedAlgorithms must be a list",
        ),
        (
            with_service(
                compute={"publisherTrustedAlgorithms": [{"did": DID, "filesChecksum": 1}]}
            ),
            "compute.publisherTrustedAlgorithms must be a list",
        ),
        (
            with_service(compute={"publisherTrustedAlgorithmPublishers": [""]}),
            "compute.publisherTrustedAlgorithmPublishers must be a list",
        ),
        (document(metadata=[1]), "metadata must be an object"),
        (document(metadata={"algorithm": [1]}), "metadata.algorithm must be an object"),
        (
            document(metadata={"algorithm": {"container": "x"}}),
            "metadata.algorithm.container must be an object",
        ),
        (document(credentials={"deny": {"type": "address"}}), "credentials.deny must be a list"),
        (
            document(credentials={"deny": [{"type": "address", "values": "0x1"}]}),
            "credentials.deny must be a list",
        ),
        (
            document(credentials={"allow": [{"values": ["0x1"]}]}),
            "credentials.allow must be a list",
        ),
        (document(name="\ud800"), "it must be JSON in UTF-8"),
        (document(size=float("nan")), "it must be JSON in UTF-8"),
        (document(made=object()), "it must be JSON in UTF-8"),
    ],
)
def test_what_is_wrong_is_told_to_the_author(broken: Any, problem: str) -> None:
    with pytest.raises(DdoInvalid) as told:
        check_ddo(broken)
    assert problem in str(told.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(DdoInvalid) as told:
        check_ddo({**with_service(timeout=-1, id=None), "id": "x"})
    assert str(told.value).count(";") == 2
