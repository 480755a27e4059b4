"""``compute-conformance init``: a profile to begin with, from what a target tells."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from compute_conformance.drafts import draft
from compute_conformance.exchanges import Answer, Request
from compute_conformance.profile import Budget, Limits, Profile, load
from tests.conformance.serving import Serving, command


class Telling:
    """A target that answers these bodies, by path."""

    name = "telling"

    def __init__(self, **bodies: str) -> None:
        self._bodies = {f"/{path}".replace("root", ""): body for path, body in bodies.items()}

    def send(self, request: Request) -> Answer:
        body = self._bodies.get(request.path.replace("/api/services", ""))
        return Answer(request, 404 if body is None else 200, {}, (body or "").encode())


def told(text: str) -> tuple[object, ...]:
    found = tomllib.loads(text)
    return (found["chain"], found["environment"])


def test_it_can_be_run_at_once_and_is_never_overwritten(live: Serving, tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    assert command("init", live.url, path).returncode == 0
    assert (load(path).url, load(path).environment) == (live.url, "local")
    found = command("run", "--profile", path)
    assert found.returncode == 0, found.stdout
    assert "conforms as claimed" in found.stdout
    again = command("init", live.url, path)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)


def test_with_no_profile_at_all_what_needs_no_job_is_judged(live: Serving) -> None:
    found = command("run", live.url, "--quiet")
    assert found.returncode == 0, found.stdout
    assert "disabled" in found.stdout


def test_every_key_is_explained_and_every_example_is_one() -> None:
    text = draft(Telling(computeEnvironments="[]"), "http://127.0.0.1")
    for kind in (Profile, Limits, Budget):
        for key in fields(kind):
            assert re.search(rf"^#?\[?{key.name}\b", text, re.MULTILINE), key.name
    spelt = re.sub("^#(?=[a-z[])", "", text, flags=re.MULTILINE).replace('orders = "make"\n', "")
    found = tomllib.loads(spelt.replace("[orders]\nopen", "orders.open"))
    assert found.keys() >= {"orders", "datasets", "algorithms", "code"}


@pytest.mark.parametrize(
    ("root", "environments", "expected"),
    [
        ('{"chainIds": [5, 7]}', '{"5": [{"id": "a"}, {"id": "b"}]}', (5, "a")),
        ("{}", '{"137": [{"id": "a"}]}', (137, "a")),
        ("[]", '[{"id": "a"}]', (8996, "a")),
        ("<html>", '[{"id": "\\ud800\\u007f\\n\\"]"}]', (8996, '???"]')),
        ('{"chainIds": ["x"]}', '{"8996": 7}', (8996, "")),
    ],
)
def test_it_takes_what_servers_tell(
    root: str, environments: str, expected: tuple[object, ...]
) -> None:
    target = Telling(root=root, computeEnvironments=environments)
    assert told(draft(target, "http://127.0.0.1")) == expected


def test_what_tells_nothing_gets_no_profile(tmp_path: Path) -> None:
    path = tmp_path / "profile.toml"
    found = command("init", "http://127.0.0.1:1", path)
    assert (found.returncode, path.exists()) == (2, False)
    assert "There was no answer" in found.stderr
