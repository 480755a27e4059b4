from __future__ import annotations

import json
from typing import Any

from compute_ref.assets.ddo import container_of, files_of, is_algorithm, public_ddo, service_of

SECRET = {
    "type": "url",
    "url": "https://data.example/hidden.csv",
    "method": "GET",
    "headers": {"Authorization": "Bearer hush"},
}


def ddo(**changes: Any) -> dict[str, Any]:
    services = [
        {"id": "one", "type": "compute", "files": [SECRET, {"type": "file", "path": "in/x.csv"}]},
        {"id": "two", "type": "access", "files": [SECRET], "serviceEndpoint": "https://else.test"},
    ]
    return {"id": "did:op:" + "a" * 64, "services": services, **changes}


def test_the_public_copy_names_no_url_header_or_path() -> None:
    shown = json.dumps(public_ddo(ddo(), "http://here"))
    for hidden in ("data.example", "hidden", "Authorization", "hush", "x.csv"):
        assert hidden not in shown
    assert [service["files"] for service in json.loads(shown)["services"]] == ["", ""]


def test_a_service_without_an_endpoint_is_at_this_server() -> None:
    shown = public_ddo(ddo(), "http://here")
    assert [s["serviceEndpoint"] for s in shown["services"]] == ["http://here", "https://else.test"]


def test_the_state_of_the_nft_is_0_where_it_is_left_out() -> None:
    assert public_ddo(ddo(), "")["nft"] == {"state": 0}
    assert public_ddo(ddo(nft={"owner": "0x1"}), "")["nft"] == {"state": 0, "owner": "0x1"}
    assert public_ddo(ddo(nft={"state": 5}), "")["nft"] == {"state": 5}


def test_the_public_copy_leaves_the_document_as_it_was() -> None:
    document = ddo()
    public_ddo(document, "http://here")
    assert document == ddo()


def test_a_service_is_found_by_its_id() -> None:
    found = service_of(ddo(), "two")
    assert found is not None
    assert found["type"] == "access"
    assert service_of(ddo(), "three") is None


def test_null_sections_are_empty_ones() -> None:
    document = ddo(metadata=None)
    assert not is_algorithm(document)
    assert container_of(document) == {}
    assert files_of({"files": None}) == ()
