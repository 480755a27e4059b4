"""Which algorithm a start may name, published or of its own, and for which kind of backend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from compute_ref.assets.plan import RAW
from compute_ref.settings import Trust
from tests.compute_ref.assets.admission.conftest import PINNED, refusal
from tests.compute_ref.assets.conftest import World


def test_an_algorithm_that_is_not_named(world: World) -> None:
    nothing = replace(world.published(), asset=world.asset(""))
    assert refusal(world, algorithm=nothing) == {"algorithm": "missing_meta_documentId"}


@pytest.mark.parametrize(
    ("did", "service", "expected"),
    [
        ("did:op:" + "0" * 64, "code", {"algorithm": "did_not_found"}),
        ("did:op:" + "a" * 64, "use", {"algorithm": "not_algo"}),
        ("did:op:" + "c" * 64, "", {"algorithm.serviceId": "missing"}),
        ("did:op:" + "c" * 64, "use", {"algorithm.serviceId": "not_found"}),
    ],
)
def test_an_algorithm_that_is_not_there(
    world: World, did: str, service: str, expected: dict[str, str]
) -> None:
    assert refusal(world, algorithm=world.published(did, service)) == expected


def test_an_algorithm_service_without_files_of_ours(world: World) -> None:
    document = world.algorithm()
    document["services"][0] |= {"type": "wss", "files": "0x04encrypted"}
    world.write(document)
    document["services"][0]["files"] = None
    world.write(document)
    assert refusal(world) == {"algorithm.serviceId": "not_found"}


@pytest.mark.parametrize(
    "meta",
    [{"rawcode": "", "url": ""}, {"url": "http://data.example/x"}, {"rawcode": None}],
)
def test_raw_code_comes_as_text_or_from_one_url(world: World, meta: dict[str, Any]) -> None:
    expected = {"algorithm": "meta_oneof_url_rawcode_remote"}
    assert refusal(world, algorithm=world.raw(**meta)) == expected


def test_raw_code_at_a_url_is_a_file_of_the_job(world: World) -> None:
    world.write(world.dataset(allowRawAlgorithm=True))
    meta = {"rawcode": "", "url": "http://data.example/x"}
    plan = world.admit(world.start(algorithm=world.raw(**meta)))
    assert plan.algorithm.files == ({"type": "url", "url": "http://data.example/x"},)
    assert (plan.algorithm.document_id, plan.algorithm.rawcode) == (RAW, "")


def test_an_empty_url_beside_raw_code_is_no_url(world: World) -> None:
    world.write(world.dataset(allowRawAlgorithm=True))
    plan = world.admit(world.start(algorithm=world.raw(url="")))
    assert (plan.algorithm.rawcode, plan.algorithm.files) == ("print(1)", ())
    assert [order.resource for order in plan.orders] == ["dataset.serviceId"]


@pytest.mark.parametrize(
    ("container", "code"),
    [
        (None, "missing_entrypoint_image_checksum"),
        ("python", "missing_entrypoint_image_checksum"),
        ({"image": "python"}, "missing_entrypoint_image_checksum"),
        ({"entrypoint": "a\0b"}, "missing_entrypoint_image_checksum"),
        ({"entrypoint": 7}, "missing_entrypoint_image_checksum"),
        ({"entrypoint": "sh $ALGO", "checksum": "md5:1"}, "checksum_prefix"),
    ],
)
def test_a_process_backend_needs_an_entrypoint(world: World, container: Any, code: str) -> None:
    algorithm = world.raw(container=container)
    assert refusal(world, algorithm=algorithm) == {"algorithm.container": code}


@pytest.mark.parametrize(
    ("container", "code"),
    [
        ({}, "missing_entrypoint_image_checksum"),
        ({"image": "python", "tag": "3"}, "missing_entrypoint_image_checksum"),
        ({"checksum": PINNED}, "missing_entrypoint_image_checksum"),
        ({"image": "python", "checksum": "1234"}, "checksum_prefix"),
    ],
)
def test_a_container_backend_needs_an_image_by_its_checksum(
    world: World, container: dict[str, Any], code: str
) -> None:
    world.images = True
    world.write(world.algorithm(**container))
    assert refusal(world) == {"algorithm.container": code}
    world.write(world.algorithm(image="python", checksum=PINNED))
    assert world.admit(world.start()).algorithm.checksum == PINNED


def test_unpinned_images_run_only_where_the_configuration_says_so(world: World) -> None:
    world.images, world.trust = True, Trust(unpinned_images=True)
    world.write(world.algorithm(image="python", tag="3"))
    algorithm = world.admit(world.start()).algorithm
    assert (algorithm.image, algorithm.tag, algorithm.checksum) == ("python", "3", "")
