"""GET / and computeEnvironments."""

from __future__ import annotations

from dataclasses import replace

from webtest import TestApp

from compute_ref.settings import Chains, Settings
from compute_ref.testing import compute_app
from compute_ref.testing.kit import ComputeApp

ENVIRONMENTS = "/api/services/computeEnvironments"
NAMES = {
    "computeStart",
    "computeStop",
    "computeStatus",
    "computeDelete",
    "computeResult",
    "computeEnvironments",
    "initializeCompute",
    "fileinfo",
    "nonce",
    "create_auth_token",
    "delete_auth_token",
}


def test_the_root_says_where_everything_is(server: ComputeApp, web: TestApp) -> None:
    found = web.get("/").json
    assert found["software"]
    assert found["chainIds"] == [8996]
    assert found["providerAddresses"] == {"8996": server.app.services.provider.address}
    assert set(found["serviceEndpoints"]) == NAMES
    assert found["serviceEndpoints"]["computeStart"] == ["POST", "/api/services/compute"]


def test_every_call_of_the_root_is_there(web: TestApp) -> None:
    for method, path in web.get("/").json["serviceEndpoints"].values():
        answer = web.request(path, method=method, status="*")
        assert answer.status_int not in (404, 405), (method, path)


def test_with_a_chain_environments_are_a_list_without_one_an_object(web: TestApp) -> None:
    by_chain = web.get(ENVIRONMENTS).json
    assert list(by_chain) == ["8996"]
    for name in ("chainId", "chainID"):
        assert web.get(ENVIRONMENTS, {name: "8996"}).json == by_chain["8996"]
    assert web.get(ENVIRONMENTS, {"chainId": "1"}).json == []
    assert "chainId" in web.get(ENVIRONMENTS, {"chainId": "x"}, status=400).json["errors"]


def test_an_environment_tells_numbers_as_numbers(web: TestApp) -> None:
    (environment,) = web.get(ENVIRONMENTS, {"chainId": "8996"}).json
    for pair in (("cpuNumber", "nCPU"), ("gpuNumber", "nGPU")):
        assert environment[pair[0]] == environment[pair[1]]
    for name in ("ramGB", "diskGB", "priceMin", "currentJobs", "maxJobs", "storageExpiry"):
        assert isinstance(environment[name], int | float), name
    assert environment["consumerAddress"].startswith("0x")
    assert environment["backend"] == "instant"
    assert environment["enforced"]["memory"] == "no"
    assert {"id", "desc", "cpuType", "gpuType", "lastSeen", "feeToken", "maxJobDuration"} <= set(
        environment
    )


def test_current_jobs_are_those_that_run(web: TestApp, running: str) -> None:
    assert web.get(ENVIRONMENTS, {"chainId": "8996"}).json[0]["currentJobs"] == 1


def test_an_environment_may_belong_to_some_chains_only() -> None:
    def two_chains(settings: Settings) -> Settings:
        (one,) = settings.environments
        other = replace(one, id="other", chains=(5,))
        return replace(settings, chains=Chains((8996, 5)), environments=(one, other))

    with compute_app(two_chains) as server:
        found = server.web.get(ENVIRONMENTS).json
        assert [e["id"] for e in found["8996"]] == ["instant"]
        assert [e["id"] for e in found["5"]] == ["instant", "other"]
