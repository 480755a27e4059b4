"""A start to be admitted or refused: a trusting dataset, a stricter one, an algorithm."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pytest

from compute_ref.assets.requests import AssetRequest
from compute_ref.refusals import Refused
from tests.compute_ref.assets.conftest import World

STRANGER = "0x" + "5" * 40
CODE = "print(2)\n"
CHECKSUM = hashlib.sha256(CODE.encode()).hexdigest()
PINNED = "sha256:" + "1" * 64


@pytest.fixture
def world(world: World) -> World:
    """A dataset that trusts everybody, a stricter one, and a published algorithm."""
    world.write(
        world.dataset(publisherTrustedAlgorithms="*"), world.dataset(world.MORE), world.algorithm()
    )
    return world


def refusal(
    world: World, *datasets: AssetRequest, consumer: str | None = None, **request: Any
) -> str | Mapping[str, str]:
    with pytest.raises(Refused) as refused:
        world.admit(world.start(*datasets, **request), consumer or world.CONSUMER)
    return refused.value.reason
