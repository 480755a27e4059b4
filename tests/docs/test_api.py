"""What the documentation tells is what the server does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compute_ref.http.routes import CALLS
from compute_ref.jobs.model import STATUS_TEXTS, FinishReason, ResultType
from compute_ref.testing import instant
from compute_ref.testing.kit import ComputeApp

DOCS = Path(__file__).parents[2] / "docs"
API = (DOCS / "api.md").read_text(encoding="utf-8")
EMBEDDING = (DOCS / "embedding.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", EMBEDDING, re.DOTALL)


def test_every_reading_is_told_once() -> None:
    told = re.findall(r"^\*\*R(\d+) ", (DOCS / "readings.md").read_text("utf-8"), re.MULTILINE)
    assert [int(number) for number in told] == list(range(1, 19))


@pytest.mark.parametrize("path", CALLS)
def test_every_call_is_in_the_api(path: str) -> None:
    assert path.rpartition("/")[2].strip("{}") in API


def test_every_member_of_a_job_is_in_the_api(compute_app: ComputeApp) -> None:
    consumer = compute_app.consumer()
    job_id = consumer.start().json[0]["jobId"]
    compute_app.finished(job_id)
    (job,) = consumer.status(job_id).json
    for member in (*job, *job["results"][0], *job["statusHistory"][0]):
        assert re.search(rf"\b{member}\b", API), member


@pytest.mark.parametrize("text", [*STATUS_TEXTS.values(), *FinishReason, *ResultType])
def test_every_status_reason_and_type_is_in_the_api(text: str) -> None:
    assert text in API


def test_every_line_for_the_instant_backend_is_told() -> None:
    assert instant.__doc__
    for verb in re.findall(r"^    instant: (\w+)", instant.__doc__, re.MULTILINE):
        assert f"instant: {verb}" in EMBEDDING, verb


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_are_python(block: str) -> None:
    compile(block, "embedding.md", "exec")


def test_the_first_example_holds() -> None:
    exec(BLOCKS[0], {})
