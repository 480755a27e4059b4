"""The page of plug-ins has every hook as it is, and its examples are one plug-in that works."""

from __future__ import annotations

import inspect
import queue
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from compute_ref.plugins import hookspecs
from compute_ref.plugins.registry import GROUP, plugin_manager
from compute_ref.settings import Settings
from compute_ref.testing.kit import ComputeApp, compute_app, sample_ddo
from tests.docs.signatures import signature

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SECTIONS = dict(re.findall(r"^### `(.*?)`\n(.*?)(?=^### |\Z)", PAGE, re.DOTALL | re.MULTILINE))
HOOKS = {
    name: hook
    for name, hook in inspect.getmembers(hookspecs, inspect.isfunction)
    if hasattr(hook, f"{GROUP}_spec")
}
DID = "did:op:" + "e" * 64


def test_every_hook_has_a_heading_that_is_its_signature_and_nothing_else_has() -> None:
    assert len(HOOKS) == 8
    assert set(SECTIONS) == {signature(hook) for hook in HOOKS.values()}


@pytest.mark.parametrize("name", HOOKS)
def test_the_page_says_how_many_answers_a_hook_wants(name: str) -> None:
    first = getattr(HOOKS[name], f"{GROUP}_spec")["firstresult"]
    section = SECTIONS[signature(HOOKS[name])]
    assert ("One answer is wanted" in section) == first
    assert ("Every plug-in is called" in " ".join(section.split())) == (not first)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_an_example(name: str) -> None:
    section = SECTIONS[signature(HOOKS[name])]
    assert re.search(rf"^@hookimpl\ndef {name}\(", section, re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?://)([^)#]+)", PAGE))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()


@pytest.fixture
def museum() -> ModuleType:
    """The plug-in that the page's examples make together."""
    made = ModuleType("compute_ref_museum")
    exec("\n\n".join(BLOCKS), made.__dict__)
    return made


@pytest.fixture
def server(museum: ModuleType, tmp_path: Path) -> Iterator[ComputeApp]:
    """A server with it, and one exhibit that a consumer may use."""

    def configured(settings: Settings) -> Settings:
        return replace(settings, plugins={"museum": {"largest": 4, "shelf": str(tmp_path)}})

    with compute_app(configured, plugins=(museum,)) as server:
        museum.DOCUMENTS[DID] = exhibit({"type": "museum", "label": "a vase"})
        server.dataset = DID
        yield server


def exhibit(file: dict[str, Any]) -> dict[str, Any]:
    ddo = sample_ddo(DID)
    ddo["services"][0]["files"] = [file]
    return ddo


def finished(server: ComputeApp, museum: ModuleType, code: str, **sent: Any) -> dict[str, Any]:
    """A job of somebody who paid, as its owner sees it at its end."""
    consumer = server.consumer()
    order = consumer.order(code, **sent)
    museum.RECEIPTS[consumer.address] = {order["dataset"]["transferTxId"]}
    started = server.web.post_json("/api/services/compute", order)
    job_id = started.json[0]["jobId"]
    server.finished(job_id)
    job: dict[str, Any] = consumer.status(job_id).json[0]
    return job


def test_the_examples_open_filter_and_publish(
    server: ComputeApp, museum: ModuleType, tmp_path: Path
) -> None:
    code = "instant: write small 42\ninstant: write large 4200"
    job = finished(server, museum, code, output={"shelf": True})
    assert job["finishReason"] == "completed"
    assert job["resultsDid"].startswith("did:op:")
    assert [one["filename"] for one in job["results"] if one["type"] == "output"] == ["small"]
    assert (tmp_path / f"{job['jobId']}-1" / "small").read_text() == "42\n"


def test_the_examples_publish_only_where_that_is_wanted(
    server: ComputeApp, museum: ModuleType, tmp_path: Path
) -> None:
    assert finished(server, museum, "instant: write small 42")["resultsDid"] == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_examples_do_not_have_ends_the_job_with_their_words(
    server: ComputeApp, museum: ModuleType
) -> None:
    museum.DOCUMENTS[DID] = exhibit({"type": "museum"})
    job = finished(server, museum, "instant: exit 0")
    assert (job["status"], job["finishMessage"]) == (31, "The exhibit has no label.")


def test_the_examples_refuse_who_did_not_pay(server: ComputeApp) -> None:
    refused = server.consumer().start()
    assert (refused.status_int, refused.json) == (
        400,
        {"error": {"dataset.serviceId": "order_invalid"}},
    )


def test_the_examples_hear_of_every_status(server: ComputeApp, museum: ModuleType) -> None:
    job = finished(server, museum, "instant: exit 0")
    told = [museum.CHANGES.get(timeout=20) for _ in range(7)]
    assert told == [(job["jobId"], status) for status in (10, 20, 30, 40, 50, 60, 70)]
    with pytest.raises(queue.Empty):
        museum.CHANGES.get_nowait()


def test_the_examples_refuse_a_key_that_they_do_not_know(museum: ModuleType) -> None:
    manager = plugin_manager((museum,))
    with pytest.raises(ValueError, match=r"plugins\.museum\.shelves: no such key"):
        manager.hook.configure(options={"museum": {"shelves": 1}})


def test_the_examples_offer_a_backend(museum: ModuleType) -> None:
    assert {"museum"} in [set(offered) for offered in plugin_manager((museum,)).hook.backends()]
