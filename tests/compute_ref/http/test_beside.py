"""initializeCompute, fileinfo, the DDO look-up."""

from __future__ import annotations

import json
import re
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from webtest import TestApp

from compute_ref.settings import Settings
from compute_ref.testing import compute_app
from compute_ref.testing.kit import ComputeApp

INITIALIZE = "/api/services/initializeCompute"
FILEINFO = "/api/services/fileinfo"
DDO = "/api/aquarius/assets/ddo/"
CODE = {"meta": {"rawcode": "x", "container": {"entrypoint": "sh $ALGO"}}}


def quote(server: ComputeApp, **changed: Any) -> dict[str, Any]:
    asset = {"documentId": server.dataset, "serviceId": "compute"}
    return {
        "datasets": [asset],
        "algorithm": CODE,
        "compute": {"env": "instant", "validUntil": int(server.clock.now()) + 3600},
        "consumerAddress": "0x" + "1" * 40,
        **changed,
    }


def test_a_quote_has_an_order_for_each_dataset_and_no_fee(server: ComputeApp, web: TestApp) -> None:
    answer = web.post_json(INITIALIZE, quote(server)).json
    (item,) = answer["datasets"]
    assert re.fullmatch("0x[0-9a-f]{64}", item["validOrder"])
    assert re.fullmatch("0x[0-9a-fA-F]{40}", item["datatoken"])
    assert "providerFee" not in item
    assert "algorithm" not in answer


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"compute": {"env": "x", "validUntil": 1_800_000_000}}, "Environment invalid or does"),
        ({"compute": {"env": "instant", "validUntil": 1}}, "validUntil"),
        ({"datasets": [{"documentId": "did:op:" + "e" * 64}]}, "did_not_found"),
        ({"datasets": [{}]}, "missing"),
        ({"algorithm": {}}, "missing_meta_documentId"),
    ],
)
def test_a_quote_is_refused_as_a_start_would_be(
    server: ComputeApp, web: TestApp, changed: dict[str, Any], error: str
) -> None:
    answer = web.post_json(INITIALIZE, quote(server, **changed), status=400)
    assert error in json.dumps(answer.json["error"])


def test_a_quote_lists_all_that_is_missing(web: TestApp) -> None:
    answer = web.post_json(INITIALIZE, {}, status=400)
    assert set(answer.json["errors"]) == {"datasets", "algorithm", "compute", "consumerAddress"}


def test_a_file_is_described_without_saying_where_it_lies(server: ComputeApp, web: TestApp) -> None:
    answer = web.post_json(FILEINFO, {"did": server.dataset, "serviceId": "compute"})
    (fact,) = answer.json
    assert (fact["index"], fact["valid"], fact["contentLength"]) == (0, True, "6")
    assert "data.txt" not in answer.text


def test_no_checksum_is_told_of_data(server: ComputeApp, web: TestApp) -> None:
    asked = {"did": server.dataset, "serviceId": "compute", "checksum": True}
    assert "checksum" not in web.post_json(FILEINFO, asked).json[0]


def test_a_file_that_is_gone_is_not_valid(server: ComputeApp, web: TestApp) -> None:
    (server.catalogue / "data.txt").unlink()
    asked = {"did": server.dataset, "serviceId": "compute"}
    assert web.post_json(FILEINFO, asked).json[0]["valid"] is False


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "file", "path": "data.txt"},
        {"type": "url", "url": "http://127.0.0.1/"},
        {},
    ],
)
def test_a_callers_own_file_is_never_opened(web: TestApp, asked: dict[str, Any]) -> None:
    assert set(web.post_json(FILEINFO, asked, status=400).json["errors"]) == {"did"}


@pytest.mark.parametrize("path", ["data.txt", "/etc/passwd", "../data/provider.key"])
def test_a_callers_file_object_is_refused_also_where_urls_are_allowed(path: str) -> None:
    with open_to_urls() as server:
        asked = {"type": "file", "path": path}
        assert "did" in server.web.post_json(FILEINFO, asked, status=400).json["errors"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://[::1]/", "file:///etc/passwd", "x", "http://a b\x00/"]
)
def test_a_callers_url_is_guarded_where_urls_are_allowed(url: str) -> None:
    with open_to_urls() as server:
        (fact,) = server.web.post_json(FILEINFO, {"type": "url", "url": url}).json
        assert fact["valid"] is False


def test_an_asset_or_service_that_is_not_there_is_refused(server: ComputeApp, web: TestApp) -> None:
    for asked in (
        {"did": "did:op:" + "e" * 64, "serviceId": "compute"},
        {"did": server.dataset, "serviceId": "other"},
        {"did": server.dataset},
    ):
        assert set(web.post_json(FILEINFO, asked, status=400).json) == {"error"}


def test_a_ddo_leaves_without_files_and_with_this_servers_url(
    server: ComputeApp, web: TestApp
) -> None:
    found = web.get(DDO + server.dataset).json
    (service,) = found["services"]
    assert service["files"] == ""
    assert service["serviceEndpoint"] == "http://localhost:80"
    assert found["nft"]["state"] == 0


@pytest.mark.parametrize("did", ["x", "did:op:" + "e" * 64, "did:op:..", "%00", "a%2Fb"])
def test_a_ddo_that_is_not_there_is_404(web: TestApp, did: str) -> None:
    assert set(web.get(DDO + did, status=404).json) == {"error"}


def open_to_urls() -> AbstractContextManager[ComputeApp]:
    def change(settings: Settings) -> Settings:
        return replace(settings, fetching=replace(settings.fetching, fileinfo_urls=True))

    return compute_app(change)
