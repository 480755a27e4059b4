"""A report with every verdict in it, for what is made of reports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from compute_conformance.checking import Check
from compute_conformance.evidence import document
from compute_conformance.exchanges import Answer, Request
from compute_conformance.outcomes import Outcome, Report
from compute_conformance.requirements import register
from compute_conformance.verdicts import Verdict

HOSTILE = "</script><img src=x onerror=alert(1)>]]>&\x00\x1b[31m|`"
SIGNATURE = "0x" + "5a" * 65
TOKEN = "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl"


def sample(*verdicts: Verdict) -> dict[str, Any]:
    """The document of a report with these verdicts, one for each of the first requirements."""
    found = Report(f"http://{HOSTILE}", started="2026-01-01T00:00:00+00:00", seconds=1.5)
    for requirement, verdict in zip(register().values(), verdicts or Verdict, strict=False):
        check = Check("start.sample", requirement, looking)
        told = ("what is right", HOSTILE) if verdict is not Verdict.PASS else ("", "")
        found.outcomes.append(Outcome(check, verdict, *told, 0.1, [exchange()]))
    return document(found)


def exchange() -> tuple[Request, Answer]:
    """A signed call with a token, answered by an echo of both."""
    request = Request(
        "GET",
        "/api/services/compute",
        query={"jobId": "j", "signature": SIGNATURE},
        headers={"AuthToken": TOKEN},
    )
    body = f'{{"token": "{TOKEN}", "said": "{SIGNATURE}"}} {HOSTILE}'.encode()
    return request, Answer(request, 200, {"content-type": "text/html"}, body)


def looking(bench: object) -> None:
    """Looks."""


def unreachable() -> dict[str, Any]:
    """The document of a run against nobody."""
    return document(replace(Report("http://nobody"), wiring="There was no answer."))
