"""The command: what it looks at, how it ends, what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compute_conformance.cli import main
from tests.conformance.reference import reference
from tests.conformance.serving import served


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with reference() as app, served(app) as found:
        yield found


def called(*arguments: str | Path) -> Result:
    found = CliRunner().invoke(main, [*map(str, arguments)])
    assert "Traceback" not in found.output
    return found


def verdicts(url: str, folder: Path, *flags: str | Path) -> dict[str, str]:
    """Those of a run, by requirement."""
    report = folder / "some" / "report.json"
    found = called("run", url, "--report", report, *flags)
    assert found.exit_code == 0, found.output
    document = json.loads(report.read_text())
    return {one["id"]: one["verdict"] for one in document["requirements"]}


def test_patterns_levels_capabilities_and_access_pick(url: str, tmp_path: Path) -> None:
    found = verdicts(url, tmp_path, "--only", "CE-ROOT-CHAIN*", "--only", "CE-NONCE-FIRST")
    assert set(found) == {"CE-ROOT-CHAIN-SERVED", "CE-ROOT-CHAIN-IDS", "CE-NONCE-FIRST"} | {
        key for key in found if key.startswith("CE-ROOT-CHAIN")
    }
    few = verdicts(url, tmp_path, "--capability", "discovery", "--level", "interoperable")
    more = verdicts(url, tmp_path, "--capability", "discovery", "--access", "0", "--jobs", "1")
    assert set(few) < set(more)
    assert not any(key.startswith("CE-START") for key in more)
    assert "CE-STOP-CODE" not in verdicts(url, tmp_path, "--access", "0", "--only", "CE-STOP*")


def test_nothing_is_picked_by_a_word_that_is_none(url: str) -> None:
    assert called("run", url, "--level", "perfect").exit_code == 2
    assert called("run", url, "--capability", "flying").exit_code == 2


def test_a_capability_that_is_not_claimed_is_left_out(url: str, tmp_path: Path) -> None:
    profile = tmp_path / "profile.toml"
    profile.write_text('capabilities = ["core"]\n')
    found = verdicts(url, tmp_path, "--profile", profile, "--only", "CE-ROOT*")
    assert set(found.values()) == {"disabled"}


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [("fail", "fail", 0), ("pass", "fail", 1), ("pass", "pass", 0), ("fail", "pass", 0)],
)
def test_a_baseline_forgives_what_was_broken_before(
    before: str, after: str, code: int, tmp_path: Path
) -> None:
    baseline = tmp_path / "before.json"
    told = {"id": "CE-ROOT-SOFTWARE", "sentence": "", "verdict": before}
    baseline.write_text(json.dumps({"requirements": [told]}))

    def rootless(environ: dict[str, str], start_response: object) -> object:
        environ["PATH_INFO"] = environ["PATH_INFO"].replace("//", "/")
        if environ["PATH_INFO"] == "/" and after == "fail":
            start_response("200 OK", [("Content-Type", "application/json")])  # type: ignore[operator]
            return [b"{}"]
        return app(environ, start_response)  # type: ignore[arg-type]

    with reference() as app, served(rootless) as target:
        found = called("run", target, "--only", "CE-ROOT-SOFTWARE", "--baseline", baseline)
    assert found.exit_code == code, found.output


@pytest.mark.parametrize("content", [None, "{}", "[]", "nonsense"])
def test_a_baseline_that_is_none_is_told(content: str | None, url: str, tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    if content is not None:
        path.write_text(content)
    found = called("run", url, "--baseline", path)
    assert (found.exit_code, "is no report of this suite" in found.output) == (2, True)


def test_a_report_that_cannot_be_written_is_told(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, said in ((tmp_path / "file" / "r.json", "cannot be written"), ("r.pdf", "no")):
        found = called("run", url, "--only", "CE-ROOT-OBJECT", "--report", path)
        assert (found.exit_code, said in found.output) == (2, True)


def test_the_register_is_read_at_the_terminal() -> None:
    assert "CE-START-NONCE-REPLAY" in called("list", "CE-START-*").output
    assert called("list", "CE-NOTHING*").exit_code == 1
    explained = called("explain", "ce-start-nonce-replay").output
    assert "Checked by nonces." in explained
    assert called("explain", "CE-NOTHING").exit_code == 1


def test_signing_is_the_same_every_time() -> None:
    key = called("key").output.strip()
    address = called("address", key).output.strip()
    assert (len(key), len(address), address[:2]) == (66, 42, "0x")
    signatures = {called("sign", key, "a message").output for _ in range(2)}
    assert len(signatures) == 1
    assert called("sign", "0x12", "a message").exit_code == 2
    one, other = called("sign", key, "m").output, called("sign", "--v", "0", key, "m").output
    assert int(one.strip()[-2:], 16) - int(other.strip()[-2:], 16) == 27


def test_without_its_libraries_it_says_how_to_have_them() -> None:
    absent = "import sys; sys.modules['webtest'] = None; "
    program = absent + "from compute_conformance.__main__ import main; main()"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert found.returncode == 2
    assert 'webtest, which is not installed: pip install "compute-ref[conformance]"' in found.stderr
    assert "Traceback" not in found.stderr
