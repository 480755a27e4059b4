"""What check finds, and what enforced tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from compute_ref.plugins import BackendUnavailable, Limits
from tests.backends.kubernetes.clusters import EmulatedCluster
from tests.backends.kubernetes.conftest import Place
from tests.backends.kubernetes.deployment import manifests


class TestCheck:
    def test_a_cluster_that_has_all_of_it_is_described(self, place: Place) -> None:
        said = place.backend.check()
        assert said.startswith("Kubernetes v1.")
        assert f"namespace {place.cluster.namespace}, node folder {place.data_dir}" in said

    def test_a_namespace_that_is_not_there(
        self, make_place: Callable[..., Place], emulated: EmulatedCluster
    ) -> None:
        place = make_place(namespace="elsewhere")
        with pytest.raises(BackendUnavailable, match="kubectl create namespace elsewhere"):
            place.backend.check()

    def test_a_claim_that_is_not_there(
        self, make_place: Callable[..., Place], emulated: EmulatedCluster
    ) -> None:
        place = make_place(claim="compute-ref")
        with pytest.raises(BackendUnavailable, match="there is no claim compute-ref in"):
            place.backend.check()

    @pytest.mark.parametrize(("phase", "usable"), [("Bound", True), ("Lost", False)])
    def test_a_claim_and_its_volume(
        self,
        make_place: Callable[..., Place],
        emulated: EmulatedCluster,
        phase: str,
        usable: bool,
    ) -> None:
        claim = {"metadata": {"name": "compute-ref"}, "status": {"phase": phase}}
        store = emulated.emulation.store
        store.create("persistentvolumeclaims", emulated.namespace, claim)
        place = make_place(claim="compute-ref")
        if usable:
            assert "claim compute-ref" in place.backend.check()
        else:
            with pytest.raises(BackendUnavailable, match="has lost its volume"):
                place.backend.check()
        store.remove("persistentvolumeclaims", emulated.namespace, "compute-ref")

    def test_each_permission_that_is_missing_is_named(
        self, place: Place, emulated: EmulatedCluster, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        rules = [rule for rule in emulated.emulation.api.rules if "jobs" not in rule["resources"]]
        monkeypatch.setattr(emulated.emulation.api, "rules", rules)
        with pytest.raises(BackendUnavailable) as refused:
            place.backend.check()
        assert str(refused.value) == (
            "our account may not create jobs.batch, get jobs.batch, list jobs.batch,"
            " watch jobs.batch, delete jobs.batch: kubectl -n compute-ref apply -f"
            " kubernetes/base/account.yaml"
        )

    @pytest.fixture
    def no_policy(self, place: Place) -> Iterator[None]:
        """The policy is taken away, and put back afterwards."""
        networking, namespace = place.admin.networking, place.cluster.namespace
        (policy, _) = manifests("network-policies.yaml")
        name = policy["metadata"]["name"]
        networking.delete_namespaced_network_policy(name, namespace, _preload_content=False)
        yield
        networking.create_namespaced_network_policy(namespace, policy, _preload_content=False)

    def test_without_the_policy_no_run_without_network_is_launched(
        self, place: Place, no_policy: None
    ) -> None:
        with pytest.raises(BackendUnavailable, match="no NetworkPolicy compute-ref-no-network"):
            place.backend.check()
        with pytest.raises(BackendUnavailable, match="network-policies.yaml"):
            place.backend.launch(place.run("true"))
        assert place.finish(place.run("true", network=True)).code == 0

    @pytest.mark.parametrize(
        "spec",
        [
            {"podSelector": {"matchLabels": {"compute-ref/network": "none"}}},
            {
                "podSelector": {"matchLabels": {"compute-ref/network": "none"}},
                "policyTypes": ["Ingress", "Egress"],
                "egress": [{}],
            },
            {
                "podSelector": {"matchLabels": {"other": "none"}},
                "policyTypes": ["Ingress", "Egress"],
            },
        ],
        ids=["egress open", "a rule", "other pods"],
    )
    def test_a_policy_that_lets_something_through(
        self, place: Place, emulated: EmulatedCluster, spec: dict[str, object]
    ) -> None:
        store, name = emulated.emulation.store, "compute-ref-no-network"
        before = store.get("networkpolicies", emulated.namespace, name)
        assert before is not None
        store.change("networkpolicies", emulated.namespace, name, lambda p: p.update(spec=spec))
        with pytest.raises(BackendUnavailable, match="lets something through"):
            place.backend.check()
        store.change("networkpolicies", emulated.namespace, name, lambda p: p.update(before))

    def test_a_data_folder_that_cannot_be_written_and_more(
        self, make_place: Callable[..., Place], emulated: EmulatedCluster
    ) -> None:
        place = make_place(claim="compute-ref")
        place.backend._data_dir = place.data_dir / "missing"
        with pytest.raises(BackendUnavailable) as refused:
            place.backend.check()
        first, second = str(refused.value).split("; ")
        assert "cannot be written" in first
        assert "no claim" in second


def test_enforced_tells_each_limit_and_isolation(place: Place) -> None:
    held = place.backend.enforced(Limits(1, 2**30, 2**30, 2**20, 60, 256))
    assert set(held) == {
        *("cpu", "memory", "disk", "processes", "time", "network", "filesystem", "user")
    }
    assert "250 ms" in held["disk"]
    assert "holds only where" in held["network"]
    assert held["processes"] == "no"


def test_enforced_says_no_where_there_is_no_limit(place: Place) -> None:
    held = place.backend.enforced(Limits())
    assert {held[key] for key in ("cpu", "memory", "disk", "processes", "time")} == {"no"}
