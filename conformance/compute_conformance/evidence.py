"""The one truth of a run: a document of JSON, which every rendering and comparison reads.

Version 1 of its form:

``suite``         name, version, and digests of the register and of the page
``target``        what was judged
``profile``       what was said of it, but for the owner's keys and orders
``started``       when, in UTC; ``seconds``: how long; ``seed``: repeats the verdicts of
                  a run of the same ``effort``
``wiring``        why nothing could be judged, or ""
``cut``           why not everything was judged, or ""
``conforms``      whether nothing failed
``counts``        for each level the number of requirements with each verdict
``requirements``  in the register's order, each with its verdict and its checks; a check has what
                  was expected and observed, and the redacted exchanges
``leftovers``     jobs that could not be deleted
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from compute_conformance.exchanges import Answer, Request
from compute_conformance.ledger import ledger
from compute_conformance.outcomes import Outcome, Report
from compute_conformance.page import page
from compute_conformance.profile import told as told_of
from compute_conformance.requirements import Level, Requirement, register

FORMAT: Final = "compute-conformance report"
VERSION: Final = 1
MOST: Final = 20_000  #: characters of a body that are kept
SECRET: Final = frozenset({"signature", "token", "authtoken", "set-cookie", "authorization"})
REDACTED: Final = "<redacted>"


def document(report: Report) -> dict[str, Any]:
    """The report as JSON types only."""
    verdicts = report.verdicts()
    checked: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        checked.setdefault(outcome.check.requirement.id, []).append(outcome)
    return {
        "format": FORMAT,
        "version": VERSION,
        "suite": suite(),
        "target": report.target,
        "profile": told_of(report.profile),
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "seed": report.seed,
        "effort": report.effort.value,
        "wiring": report.wiring,
        "cut": report.cut,
        "conforms": report.exit_code == 0,
        "exit": report.exit_code,
        "counts": {level.value: dict(report.counts(level)) for level in Level},
        "requirements": [
            {
                **described(register()[key]),
                "verdict": verdicts[key],
                "checks": [*map(_check, found)],
            }
            for key, found in checked.items()
        ],
        "leftovers": list(report.leftovers),
    }


def suite() -> dict[str, str]:
    """Which suite this is; two reports can be compared where the digests are the same."""
    entries = [described(one) for one in register().values()]
    text = "\n".join(one.text for one in page().values())
    return {
        "name": "compute-conformance",
        "version": version("compute-ref"),
        "register": _digest(json.dumps(entries, sort_keys=True)),
        "page": _digest(text),
    }


def described(requirement: Requirement) -> dict[str, Any]:
    """A requirement with what it rests on."""
    reading = ledger().get(requirement.reading)
    return {
        "id": requirement.id,
        "sentence": requirement.sentence,
        "level": requirement.level.value,
        "capability": requirement.capability,
        "tier": requirement.tier.value,
        "access": int(requirement.access),
        "security": requirement.security,
        "page": {key: page()[key].text for key in requirement.page},
        "reading": {"id": reading.id, "elected": reading.elected} if reading else None,
    }


def _check(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.check.name,
        "how": outcome.check.how,
        "verdict": outcome.verdict.value,
        "expected": outcome.expected,
        "observed": _without(outcome.observed, _secrets(outcome)),
        "seconds": round(outcome.seconds, 4),
        "curl": outcome.script,
        "exchanges": [_exchange(*one, _secrets(outcome)) for one in outcome.transcript],
    }


def _exchange(request: Request, answer: Answer, secrets: set[str]) -> dict[str, Any]:
    return {
        "request": {
            "method": request.method,
            "target": _without(request.target, secrets),
            "headers": _headers(request.headers),
            "body": _body(request.content, secrets),
        },
        "answer": {
            "status": answer.status,
            "headers": _headers(answer.headers),
            "body": _body(answer.body, secrets),
        },
    }


def _secrets(outcome: Outcome) -> set[str]:
    """Signatures and tokens of the exchanges: whoever reads them could act for the account."""
    found: set[str] = set()
    for request, answer in outcome.transcript:
        for told in (request.query, request.json, dict(request.headers), _json(answer)):
            found |= set(_secret_texts(told))
    return found


def _secret_texts(told: Any) -> list[str]:
    if isinstance(told, list):
        return [text for one in told for text in _secret_texts(one)]
    if not isinstance(told, Mapping):
        return []
    own = [str(text) for key, text in told.items() if str(key).lower() in SECRET and text]
    return own + [text for one in told.values() for text in _secret_texts(one)]


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: REDACTED if name.lower() in SECRET else value for name, value in headers.items()}


def _body(content: bytes, secrets: set[str]) -> str:
    text = _without(content.decode("utf-8", "backslashreplace"), secrets)
    return text if len(text) <= MOST else f"{text[:MOST]}… ({len(content)} bytes)"


def _without(text: str, secrets: set[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 8:  # shorter ones are no secrets, and stand in other words
            text = text.replace(secret, REDACTED)
    return text


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
