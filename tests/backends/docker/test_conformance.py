"""The reference conforms where its algorithms run in containers, as it does with processes."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from compute_conformance import Report, load, run
from compute_conformance.verdicts import Verdict
from tests.backends.docker.daemons import Engine
from tests.backends.docker.servers import prepare, serving
from tests.conformance.serving import command

PLACES = 4  # jobs at once, and so many checks


def judged(folder: Path, docker: str) -> Report:
    """What the whole suite says of a server whose catalogue has its assets, with our image."""
    configuration = prepare(folder, docker)
    text = configuration.read_text()
    configuration.write_text(text.replace("maxJobs = 2", f"maxJobs = {PLACES}"))
    shutil.rmtree(folder / "assets")
    made = command("assets", folder / "assets", "--image", "base", "--tag", "1")
    assert made.returncode == 0, made.stderr
    profile = folder / "profile.toml"
    with serving(configuration, "--conformance-profile", str(profile)) as server:
        return run(server.url, load(profile), workers=PLACES)


def test_every_check_passes_where_jobs_are_containers(tmp_path: Path, engine: Engine) -> None:
    report = judged(tmp_path, engine.host)
    print(f"{len(report.outcomes)} checks in {report.seconds:.0f} s", file=sys.stderr)
    found = {
        one.check.requirement.id: (one.verdict, one.expected, one.observed)
        for one in report.outcomes
        if one.verdict is not Verdict.PASS
    }
    assert found == {}
    assert (report.wiring, report.cut, report.exit_code) == ("", "", 0)
    with engine.client() as api:
        assert api.containers(all=True) == []
