"""The examples of docs/assets.md are used as they stand there."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from pathlib import Path

import pytest

from compute_ref.assets import admission, algorithms, datasets, trust
from compute_ref.assets.requests import StartRequest
from compute_ref.assets.soundness import check_ddo
from compute_ref.refusals import Refused
from tests.compute_ref.assets.conftest import World

PAGE = (Path(__file__).parents[3] / "docs" / "assets.md").read_text(encoding="utf-8")
DATASET, ALGORITHM, FILES, COMPUTE, CREDENTIALS = (
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
)
CODE = b"print('the mean')\n"


@pytest.fixture
def world(world: World) -> World:
    """The page's catalogue, with the code that its checksum was made of."""
    (world.folder / "code").mkdir()
    (world.folder / "code" / "mean.py").write_bytes(CODE)
    world.write(DATASET, ALGORITHM)
    return world


def page_start(world: World) -> StartRequest:
    algorithm = world.published(ALGORITHM["id"], "code")
    return world.start(world.asset(DATASET["id"], "compute"), algorithm=algorithm)


def test_the_two_documents_are_sound_and_meet(world: World) -> None:
    plan = world.admit(page_start(world))
    assert plan.datasets[0].document_id == DATASET["id"]
    assert plan.algorithm.files_checksum == hashlib.sha256(CODE).hexdigest()
    assert plan.orders[0].lifetime == 86400


def test_the_files_are_file_objects() -> None:
    service = {**DATASET["services"][0], "files": FILES}
    assert check_ddo({**DATASET, "services": [service]})


def test_the_open_compute_section_lets_in_raw_code_and_published_algorithms(world: World) -> None:
    service = {**DATASET["services"][0], "compute": COMPUTE}
    world.write({**DATASET, "services": [service]})
    asset = world.asset(DATASET["id"], "compute")
    for algorithm in (world.raw(), world.published(ALGORITHM["id"], "code")):
        assert not world.admit(world.start(asset, algorithm=algorithm)).network


def test_the_credentials_let_in_those_they_name(world: World) -> None:
    world.write({**DATASET, **CREDENTIALS})
    assert world.admit(page_start(world), CREDENTIALS["credentials"]["allow"][0]["values"][0])
    with pytest.raises(Refused):
        world.admit(page_start(world), "0x" + "5" * 40)


def test_every_refusal_is_on_the_page() -> None:
    codes: set[str] = set()
    for module in (admission, algorithms, datasets, trust):
        source = inspect.getsource(module)
        codes |= set(re.findall(r'Refused\(\{f?"[^"]*": "(\w+)"\}', source))
        codes |= set(re.findall(r'"(\w*(?:_algo\w*|mismatch|order_invalid|on_chain))"', source))
    assert len(codes) > 15
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
