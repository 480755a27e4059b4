"""``pytest --pyargs compute_conformance``: a test for each requirement, and nothing elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from compute_conformance.profile import told
from tests.conformance.reference import profile
from tests.conformance.serving import Serving
from tests.conformance.test_reproducers import wrong

ELSEWHERE = """
import sys
import pytest

def pytest_addoption(parser):
    parser.addoption("--target")
    parser.addoption("--profile")

@pytest.fixture
def target(request):
    assert "compute_conformance.pytest_items" not in sys.modules
    assert "webtest" not in sys.modules
    return request.config.getoption("--target")
"""


def pytest_run(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def toml(document: Mapping[str, Any]) -> Iterator[str]:
    """The lines of a document, its tables inline."""
    for key, value in document.items():
        yield f"{key} = {inline(value)}"


def inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {inline(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)


def judged(url: str, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    suite = ("--pyargs", "compute_conformance", "--target", url)
    return pytest_run(*suite, *arguments, folder=folder)


def test_a_server_that_conforms_passes(live: Serving, tmp_path: Path) -> None:
    only = ("--level", "interoperable", "-k", "CE-ROOT or CE-TRUST", "-v")
    found = judged(live.url, "--profile", live.profile, *only, folder=tmp_path)
    assert found.returncode == 0, found.stdout
    assert "register/10-discovery.toml::CE-ROOT-" in found.stdout
    assert "register/70-trust.toml::CE-TRUST-" in found.stdout
    assert "skipped" not in found.stdout.splitlines()[-1]


def test_what_the_profile_does_not_grant_is_skipped(live: Serving, tmp_path: Path) -> None:
    found = judged(live.url, "-k", "CE-STOP-CODE", "-rs", folder=tmp_path)
    assert found.returncode == 0, found.stdout
    assert "disabled: expected access" in found.stdout


def test_a_wrong_one_fails_with_its_evidence(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    path.write_text("\n".join(toml(told(profile()))))
    with wrong("start-unsigned") as url:
        found = judged(url, "--profile", path, "-k", "CE-SIGN-START", folder=tmp_path)
    assert found.returncode == 1, found.stdout
    assert "CE-SIGN-START-MISSING: " in found.stdout
    assert "expected a refusal" in found.stdout
    assert "curl -sS" in found.stdout


def test_nothing_that_is_judged_is_two(tmp_path: Path) -> None:
    for url in ("http://127.0.0.1:1", "nonsense"):
        found = judged(url, folder=tmp_path)
        assert found.returncode in {2, 4}, found.stdout
        assert " passed" not in found.stdout


def test_other_projects_notice_nothing(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(ELSEWHERE)
    (tmp_path / "test_own.py").write_text("def test_own(target): assert target == 'theirs'\n")
    found = pytest_run("--target", "theirs", "-q", folder=tmp_path)
    assert (found.returncode, "1 passed" in found.stdout) == (0, True), found.stdout
    assert "--access" not in pytest_run("--help", folder=tmp_path).stdout
