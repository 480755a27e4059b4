"""The account of the manifests may do what the backend does, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from compute_ref.plugins import AlgorithmUnavailable, BackendUnavailable, Image
from tests.backends.kubernetes.clusters import EmulatedCluster
from tests.backends.kubernetes.conftest import Place
from tests.backends.kubernetes.deployment import manifests
from tests.backends.kubernetes.emulated.apiserver import allowed_by

(_, ROLE, _) = manifests("account.yaml")
CLAIM = "compute-ref"

Rule = dict[str, Any]


def single(rules: list[Rule]) -> list[Rule]:
    """The same rules, each of one verb on one resource."""
    return [
        {**rule, "apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


RULES = single(ROLE["rules"])


def said(rule: Rule) -> str:
    """As `check` calls it."""
    (verb,), (resource,), (group,) = rule["verbs"], rule["resources"], rule["apiGroups"]
    return f"{verb} {resource}.{group}" if group else f"{verb} {resource}"


@pytest.fixture
def claim(emulated: EmulatedCluster) -> Iterator[str]:
    """The claim of the manifests, there and bound."""
    store = emulated.emulation.store
    bound = {"metadata": {"name": CLAIM}, "status": {"phase": "Bound"}}
    store.create("persistentvolumeclaims", emulated.namespace, bound)
    yield CLAIM
    store.remove("persistentvolumeclaims", emulated.namespace, CLAIM)


def test_what_the_backend_asks_for_is_what_the_role_allows(
    make_place: Callable[..., Place], emulated: EmulatedCluster, claim: str
) -> None:
    """Each is refused by the emulated cluster where the Role does not allow it."""
    api = emulated.emulation.api
    before = len(api.asked)
    make_place(claim=claim).backend.check()
    place = make_place()
    run = place.run("echo ready; sleep 600")
    handle = place.backend.launch(run)
    place.ready(run)
    place.backend.stop(handle.name, 5)
    place.backend.remove(handle.name)
    impatient = make_place(pending_timeout=1)
    nowhere = replace(impatient.run("true"), image=Image("nowhere", "1", ""))
    with pytest.raises(AlgorithmUnavailable):
        impatient.backend.launch(nowhere)
    asked = api.asked[before:]
    used = [rule for rule in RULES if any(allowed_by(rule, one) for one in asked)]
    assert used == RULES
    assert [one for one in asked if not api.allows(one)] == []


@pytest.mark.parametrize("missing", RULES, ids=said)
def test_check_names_the_one_that_is_missing(
    make_place: Callable[..., Place],
    emulated: EmulatedCluster,
    monkeypatch: pytest.MonkeyPatch,
    claim: str,
    missing: Rule,
) -> None:
    place = make_place(claim=claim)
    rest = [rule for rule in RULES if rule != missing]
    monkeypatch.setattr(emulated.emulation.api, "rules", rest)
    with pytest.raises(BackendUnavailable) as refused:
        place.backend.check()
    what = "get the namespace compute-ref" if said(missing) == "get namespaces" else said(missing)
    assert str(refused.value) == (
        f"our account may not {what}: kubectl -n compute-ref apply -f kubernetes/base/account.yaml"
    )
