"""Whom a dataset trusts: raw code, files, containers, publishers, consumers."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from compute_ref.assets.plan import RAW
from compute_ref.settings import Trust
from tests.compute_ref.assets.admission.conftest import CHECKSUM, PINNED, STRANGER, refusal
from tests.compute_ref.assets.conftest import World


def test_raw_code_needs_leave_of_every_compute_dataset(world: World) -> None:
    assert refusal(world, algorithm=world.raw()) == {"dataset": "no_raw_algo_allowed"}
    world.write(world.dataset(allowRawAlgorithm=True))
    assert world.admit(world.start(algorithm=world.raw())).algorithm.document_id == RAW
    both = (world.asset(), world.asset(world.MORE, order="0x2"))
    assert refusal(world, *both, algorithm=world.raw()) == {"datasets[1]": "no_raw_algo_allowed"}


def test_meta_wins_over_a_trusted_did_and_the_raw_rule_holds(world: World) -> None:
    smuggled = replace(world.published(), meta=world.raw().meta)
    assert refusal(world, algorithm=smuggled) == {"dataset": "no_raw_algo_allowed"}
    world.write(world.dataset(allowRawAlgorithm=True))
    plan = world.admit(world.start(algorithm=smuggled))
    assert plan.algorithm.document_id == RAW
    assert len(plan.orders) == 1


def trusting(world: World, **demands: str) -> dict[str, Any]:
    return {"publisherTrustedAlgorithms": [{"did": world.ALGO, **demands}]}


def test_a_demanded_checksum_of_the_files_is_kept_for_the_run(world: World) -> None:
    world.write(world.dataset(**trusting(world, filesChecksum=CHECKSUM.upper())))
    assert world.admit(world.start()).algorithm.files_checksum == CHECKSUM
    world.write(world.dataset(**trusting(world)))
    assert world.admit(world.start()).algorithm.files_checksum == ""


def test_changed_files_are_refused_where_a_checksum_is_demanded(world: World) -> None:
    world.write(world.dataset(**trusting(world, filesChecksum=CHECKSUM)))
    (world.folder / "data" / "mean.py").write_text("print(3)\n")
    assert refusal(world) == {"dataset": "algorithm_file_checksum_mismatch"}


def test_of_two_datasets_that_demand_different_files_the_wrong_one_is_named(world: World) -> None:
    world.write(
        world.dataset(**trusting(world, filesChecksum=CHECKSUM)),
        world.dataset(world.MORE, **trusting(world, filesChecksum="0" * 64)),
    )
    both = (world.asset(), world.asset(world.MORE, order="0x2"))
    assert refusal(world, *both) == {"datasets[1]": "algorithm_file_checksum_mismatch"}


def test_files_that_cannot_be_hashed_are_unavailable(world: World) -> None:
    world.write(world.dataset(**trusting(world, filesChecksum=CHECKSUM)))
    (world.folder / "data" / "mean.py").unlink()
    assert refusal(world) == {"algorithm": "file_unavailable"}


def test_files_are_not_opened_unless_a_dataset_demands_it(world: World) -> None:
    (world.folder / "data" / "mean.py").unlink()
    assert world.admit(world.start())


def test_a_changed_container_is_refused_where_a_checksum_is_demanded(world: World) -> None:
    container = hashlib.sha256((world.ENTRYPOINT + PINNED).encode()).hexdigest()
    world.write(world.dataset(**trusting(world, containerSectionChecksum=container)))
    assert refusal(world) == {"dataset": "algorithm_container_checksum_mismatch"}
    world.write(world.algorithm(checksum=PINNED))
    assert world.admit(world.start())


def test_a_publisher_is_trusted_by_the_owner_of_the_algorithms_nft(world: World) -> None:
    world.write(world.dataset(publisherTrustedAlgorithmPublishers=[world.PUBLISHER.lower()]))
    assert world.admit(world.start())
    world.write(world.dataset(publisherTrustedAlgorithmPublishers=[STRANGER]))
    assert refusal(world) == {"dataset": "not_trusted_algo_publisher"}


def test_the_older_rule_is_one_setting(world: World) -> None:
    world.write(world.dataset())
    assert refusal(world) == {"dataset": "not_trusted_algo"}
    world.trust = Trust(empty_allows_all=True)
    assert world.admit(world.start())


@pytest.mark.parametrize("name", ["dataset", "algorithm"])
def test_credentials_are_honoured_by_name(world: World, name: str) -> None:
    document = getattr(world, name)(
        **({"publisherTrustedAlgorithms": "*"} if name == "dataset" else {})
    )
    denied = [{"type": "address", "values": [STRANGER]}]
    world.write({**document, "credentials": {"deny": denied}})
    assert world.admit(world.start())
    assert refusal(world, consumer=STRANGER) == {f"{name}.credentials": "access_denied"}


def test_credentials_of_a_further_dataset_are_honoured(world: World) -> None:
    document = world.dataset(world.MORE, "access")
    denied = [{"type": "address", "values": [world.CONSUMER.lower()]}]
    world.write({**document, "credentials": {"deny": denied}})
    both = (world.asset(), world.asset(world.MORE, order="0x2"))
    assert refusal(world, *both) == {"datasets[1].credentials": "access_denied"}
