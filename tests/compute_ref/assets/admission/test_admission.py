"""What is refused, with which code, and in which order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from compute_ref.assets.plan import Order, Plan
from compute_ref.plugins import hookimpl
from compute_ref.refusals import EnvironmentUnknown, Refused
from compute_ref.settings import Environment
from tests.compute_ref.assets.admission.conftest import STRANGER, refusal
from tests.compute_ref.assets.conftest import World


def test_an_admitted_start_is_a_plan_with_all_that_the_run_needs(world: World) -> None:
    asset = world.asset(userdata={"year": 2007})
    algorithm = replace(world.published(), custom_data=[1])
    plan = world.admit(world.start(asset, algorithm=algorithm, output={"x": 1}))
    assert plan.environment == "local"
    (dataset,) = plan.datasets
    assert (dataset.document_id, dataset.service_id) == (world.DATA, "use")
    assert dataset.ddo == world.dataset(publisherTrustedAlgorithms="*")
    assert dataset.files == ({"type": "file", "path": "data/numbers.csv"},)
    assert dataset.userdata == {"year": 2007}
    assert plan.algorithm.document_id == world.ALGO
    assert plan.algorithm.entrypoint == world.ENTRYPOINT
    assert plan.algorithm.files == ({"type": "file", "path": "data/mean.py"},)
    assert plan.algorithm.custom_data == [1]
    assert plan.output == {"x": 1}
    assert not plan.network
    stored = json.loads(json.dumps(plan.to_document()))
    assert Plan.from_document(stored) == plan


def test_the_orders_are_those_of_each_service_and_this_consumer(world: World) -> None:
    plan = world.admit(world.start())
    assert plan.orders == (
        Order(
            "0xab", world.DATA, "use", world.CONSUMER, 3600.0, "dataset.serviceId", "order_invalid"
        ),
        Order("0xcd", world.ALGO, "code", world.CONSUMER, 0, "algorithm", "in_use_or_not_on_chain"),
    )


def test_the_plan_keeps_documents_as_they_were(world: World) -> None:
    plan = world.admit(world.start())
    world.write(world.dataset())
    assert plan.datasets[0].ddo["services"][0]["compute"] == {"publisherTrustedAlgorithms": "*"}


# The environment


def test_without_a_name_it_is_the_first_environment_of_the_datasets_chain(world: World) -> None:
    world.environments = [
        Environment("one", "local", chains=(1,)),
        Environment("two", "local", chains=(1, 8996)),
        Environment("three", "local"),
    ]
    assert world.admit(world.start()).environment == "two"
    assert world.admit(world.start(environment="three")).environment == "three"


def test_a_document_without_a_chain_gets_the_first_environment(world: World) -> None:
    world.environments = [Environment("one", "local", chains=(1,))]
    document = world.dataset(publisherTrustedAlgorithms="*")
    del document["chainId"]
    world.write(document)
    assert world.admit(world.start()).environment == "one"
    assert world.admit(world.start(environment="one")).environment == "one"


def test_an_environment_of_another_chain_than_the_datasets_is_refused(world: World) -> None:
    world.environments = [
        Environment("here", "local", chains=(1, 8996)),
        Environment("there", "local", chains=(1,)),
    ]
    elsewhere = world.start(environment="there")
    for refuse in (world.admit, world.admission().quote):
        with pytest.raises(EnvironmentUnknown):
            refuse(elsewhere)
    assert world.admit(world.start(environment="here")).environment == "here"


def test_an_unknown_environment_is_refused_first(world: World) -> None:
    with pytest.raises(EnvironmentUnknown):
        world.admit(world.start(world.asset("did:op:" + "0" * 64), environment="moon"))
    world.environments = [Environment("one", "local", chains=(1,))]
    with pytest.raises(EnvironmentUnknown):
        world.admit(world.start())


# The algorithm


# Datasets


@pytest.mark.parametrize(
    ("did", "service", "expected"),
    [
        ("", "use", {"dataset.documentId": "missing"}),
        ("did:op:" + "0" * 64, "use", {"dataset.documentId": "did_not_found"}),
        ("did:op:" + "a" * 64, "", {"dataset.serviceId": "missing"}),
        ("did:op:" + "a" * 64, "other", {"dataset.serviceId": "not_found"}),
    ],
)
def test_a_dataset_that_is_not_there(
    world: World, did: str, service: str, expected: dict[str, str]
) -> None:
    assert refusal(world, world.asset(did, service)) == expected


def test_the_main_dataset_needs_a_compute_service(world: World) -> None:
    world.write(world.dataset(kind="access"))
    assert refusal(world) == {"dataset.serviceId": "main_service_compute"}
    world.write(world.dataset(kind="wss"))
    assert refusal(world) == {"dataset.serviceId": "service_not_access_compute"}


@pytest.mark.parametrize(
    ("did", "service", "order", "expected"),
    [
        ("", "use", "0x1", {"datasets[1].documentId": "missing"}),
        ("did:op:" + "0" * 64, "use", "0x1", {"datasets[1].documentId": "did_not_found"}),
        ("did:op:" + "b" * 64, "", "0x1", {"datasets[1].serviceId": "missing"}),
        ("did:op:" + "b" * 64, "other", "0x1", {"datasets[1].serviceId": "not_found"}),
        ("did:op:" + "a" * 64, "use", "0x1", {"datasets[1].documentId": "duplicate"}),
        ("did:op:" + "b" * 64, "use", "0x1", {"datasets[1]": "not_trusted_algo"}),
    ],
)
def test_a_further_dataset_is_named_by_its_number(
    world: World, did: str, service: str, order: str, expected: dict[str, str]
) -> None:
    assert refusal(world, world.asset(), world.asset(did, service, order)) == expected


def test_a_further_dataset_by_access_needs_no_trust(world: World) -> None:
    world.write(world.dataset(world.MORE, "access"), world.dataset(allowRawAlgorithm=True))
    request = world.start(
        world.asset(), world.asset(world.MORE, order="0x2"), algorithm=world.raw()
    )
    assert len(world.admit(request).datasets) == 2


def test_a_further_dataset_of_another_kind_is_refused(world: World) -> None:
    world.write(world.dataset(world.MORE, "wss"))
    expected = {"datasets[1].serviceId": "service_not_access_compute"}
    assert refusal(world, world.asset(), world.asset(world.MORE)) == expected


def test_the_refusals_of_one_dataset_come_before_those_of_the_next(world: World) -> None:
    world.write(world.dataset())
    gone = world.asset("did:op:" + "0" * 64)
    assert refusal(world, world.asset(), gone) == {"dataset": "not_trusted_algo"}


@pytest.mark.parametrize(
    ("network", "expected"),
    [((True, True), True), ((True, False), False), ((False, True), False)],
)
def test_the_network_is_on_only_where_every_dataset_allows_it(
    world: World, network: tuple[bool, bool], expected: bool
) -> None:
    for did, allowed in zip((world.DATA, world.MORE), network, strict=True):
        world.write(world.dataset(did, allowNetworkAccess=allowed, publisherTrustedAlgorithms="*"))
    request = world.start(world.asset(), world.asset(world.MORE, order="0x2"))
    assert world.admit(request).network is expected


def test_a_dataset_by_access_counts_as_no_network(world: World) -> None:
    world.write(
        world.dataset(allowNetworkAccess=True, publisherTrustedAlgorithms="*"),
        world.dataset(world.MORE, "access", allowNetworkAccess=True),
    )
    assert world.admit(world.start()).network
    request = world.start(world.asset(), world.asset(world.MORE, order="0x2"))
    assert not world.admit(request).network


# Trust


# Credentials


# Orders


def test_an_order_must_be_named_once_everything_else_is_right(world: World) -> None:
    nothing = world.asset(order="")
    assert refusal(world, nothing) == {"dataset.transferTxId": "missing"}
    unpaid = world.published(order="")
    assert refusal(world, algorithm=unpaid) == {"algorithm.transferTxId": "missing"}
    wrong = refusal(world, nothing, world.asset(world.MORE, order="0x2"))
    assert wrong == {"datasets[1]": "not_trusted_algo"}


class Ledger:
    """A plug-in that says of each order what it was told to."""

    def __init__(self, **answers: bool) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str, str, str]] = []

    @hookimpl
    def verify_order(
        self, transaction: str, document_id: str, service_id: str, consumer: str
    ) -> bool | None:
        self.asked.append((transaction, document_id, service_id, consumer))
        return self.answers.get(transaction)


def test_a_plugin_says_whether_an_order_is_genuine(world: World) -> None:
    ledger = Ledger()
    world.plugins.register(ledger)
    assert world.admit(world.start())
    assert ledger.asked == [
        ("0xab", world.DATA, "use", world.CONSUMER),
        ("0xcd", world.ALGO, "code", world.CONSUMER),
    ]
    ledger.answers = {"0xab": True, "0xcd": False}
    assert refusal(world) == {"algorithm": "in_use_or_not_on_chain"}
    ledger.answers = {"0xab": False}
    assert refusal(world) == {"dataset.serviceId": "order_invalid"}


def test_an_order_that_is_bound_elsewhere_is_invalid(world: World) -> None:
    world.orders.bound = {"0xcd"}
    assert refusal(world) == {"algorithm": "in_use_or_not_on_chain"}
    world.orders.bound = {"0xab", "0xcd"}
    assert refusal(world) == {"dataset.serviceId": "order_invalid"}


# A quote


def test_a_quote_asks_for_no_orders_and_no_credentials(world: World) -> None:
    allowed = [{"type": "address", "values": [STRANGER]}]
    document = world.dataset(publisherTrustedAlgorithms="*")
    world.write({**document, "credentials": {"allow": allowed}})
    request = world.start(world.asset(order=""), algorithm=world.published(order=""))
    assert world.admission().quote(request).orders == ()


def test_a_quote_is_refused_as_the_start_would_be(world: World) -> None:
    for request in (
        world.start(algorithm=world.raw()),
        world.start(world.asset(service="other")),
        world.start(environment="moon"),
    ):
        with pytest.raises(Refused) as quoted:
            world.admission().quote(request)
        with pytest.raises(Refused) as started:
            world.admit(request)
        assert quoted.value.reason == started.value.reason


# Documents of plug-ins


class Library:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    @hookimpl(tryfirst=True)
    def resolve_did(self, did: str) -> dict[str, Any]:
        return self.document


def test_a_plugin_may_have_the_document(world: World) -> None:
    other = "did:op:" + "d" * 64
    world.plugins.register(Library({**world.dataset(), "id": other}))
    found = world.admission().ddo(other)
    assert found is not None
    assert found["id"] == other


@pytest.mark.parametrize("change", [{"services": []}, {"id": "did:op:" + "e" * 64}])
def test_an_unsound_document_of_a_plugin_is_left_out(
    world: World, change: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    world.plugins.register(Library({**world.dataset(), **change}))
    assert world.admission().ddo(world.DATA) is None
    assert "is left out" in caplog.text
