"""The page for authors of backends has the whole interface, and the example as it is."""

from __future__ import annotations

import ast
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

from compute_ref.jobs.endings import UNSOUND, of_exit
from compute_ref.plugins import Backend, Exit, ExitReason, Folders, Limits, Run, Site
from tests.docs.signatures import signature

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "compute-ref-nohup"
FILES = ["setup.cfg", "compute_ref_nohup/__init__.py", "test_contract.py"]
VERBS = {
    signature(verb)
    for name, verb in inspect.getmembers(Backend, inspect.isfunction)
    if not name.startswith("_")
}


def test_every_verb_has_a_heading_that_is_its_signature_and_nothing_else_has() -> None:
    assert len(VERBS) > 8
    assert set(re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)) == VERBS


@pytest.mark.parametrize("shape", [Site, Run, Folders, Limits])
def test_everything_that_a_backend_is_given_is_told(shape: type) -> None:
    assert [field.name for field in fields(shape) if f"`{field.name}`" not in PAGE] == []


@pytest.mark.parametrize("reason", [*ExitReason])
def test_every_exit_leads_where_the_page_says(reason: ExitReason) -> None:
    (row,) = re.findall(rf"^\| `{reason.name}` \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    told, outputs = row
    for code in (0, 1):
        ending = of_exit(Exit(code, reason))
        assert f"`{ending.reason}`" in told
        assert ending.sound == (outputs == "published") == (reason not in UNSOUND)


@pytest.mark.parametrize("file", FILES)
def test_the_example_is_shown_as_it_is(file: str) -> None:
    shown = re.findall(rf"`{file}`:\n\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert shown == [(EXAMPLE / file).read_text(encoding="utf-8")]


def test_a_whole_backend_takes_less_than_eighty_lines_of_code() -> None:
    text = (EXAMPLE / "compute_ref_nohup" / "__init__.py").read_text(encoding="utf-8")
    told = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    code = [
        line
        for number, line in enumerate(text.splitlines(), 1)
        if number not in told and line.strip() and not line.lstrip().startswith("#")
    ]
    assert 50 < len(code) < 80


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?://)([^)#]+)", PAGE))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
