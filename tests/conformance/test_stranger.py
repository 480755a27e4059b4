"""A server that shares no code with the reference and has deployed servers' manners conforms."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import compute_conformance
from compute_conformance import Selection, Verdict
from compute_conformance.profile import from_document
from compute_conformance.requirements import Level
from tests.conformance.stranger.server import DATASET, stranger

CONTAINER: Final = {
    "entrypoint": "sh $ALGO",
    "image": "none",
    "tag": "1",
    "checksum": "sha256:" + "0" * 64,
}
META: Final = {"language": "sh", "format": "text", "version": "1", "container": CONTAINER}
PROFILE: Final = from_document(
    {
        "access": 3,
        "environment": "stranger",
        "datasets": {"open": {"documentId": DATASET, "serviceId": "compute"}},
        "algorithms": {
            "raw": {"meta": META},
            "plain": {"meta": {**META, "rawcode": "echo 42 > a.txt"}},
        },
        "code": {
            "say": "echo {token}",
            "stay": "sleep {seconds}",
            "fail": "exit {code}",
            "write": "echo '{text}' > '{name}'",
        },
    }
)


def test_it_conforms_at_the_level_that_deployed_servers_keep(tmp_path: Path) -> None:
    selection = Selection(levels=frozenset({Level.INTEROPERABLE}))
    with stranger(tmp_path) as url:
        report = compute_conformance.run(url, PROFILE, selection, workers=4)
    wrong = {
        outcome.check.requirement.id: (outcome.expected, outcome.observed)
        for outcome in report.outcomes
        if outcome.verdict in {Verdict.FAIL, Verdict.ERROR}
    }
    assert wrong == {}
    assert report.counts()[Verdict.PASS] > 0
    assert (report.wiring, report.exit_code) == ("", 0)
