"""The report as one HTML file that a person enjoys reading; it loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import jinja2
from markupsafe import Markup

from compute_conformance.renderings.markdown import conclusion
from compute_conformance.requirements import Access, Tier
from compute_conformance.verdicts import Verdict

SOURCES: Final[Mapping[str, str]] = {
    Tier.PAGE: "a sentence of the page",
    Tier.EXAMPLE: "an example or a parameter list of the page",
    Tier.SERVER: "what deployed servers do",
    Tier.CLIENT: "what deployed clients need",
    Tier.HTTP: "the documents of HTTP",
    Tier.OURS: "what closes a hole that the page leaves open",
}

ACCESSES: Final[Mapping[int, str]] = {
    Access.NONE: "no job",
    Access.JOB: "a job",
    Access.ALGORITHM: "an algorithm that obeys",
    Access.FAULTS: "many at once",
}
MOST: Final = 20  #: exchanges of a check that are shown


def html(document: Mapping[str, Any]) -> str:
    """Everything that comes from the target is escaped, and nothing but our own script may run."""
    style, script = _text("report.css"), _text("report.js")
    counts = document["counts"].values()
    return (
        _environment()
        .get_template("report.html")
        .render(
            document=document,
            conclusion=conclusion(document),
            verdicts=[one.value for one in Verdict if any(one.value in level for level in counts)],
            accesses=ACCESSES,
            most=MOST,
            matrix=_matrix(document),
            sources=SOURCES,
            style=Markup(style),  # noqa: S704 - ours
            script=Markup(script),  # noqa: S704 - ours
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


def _matrix(document: Mapping[str, Any]) -> dict[str, dict[int, list[Mapping[str, Any]]]]:
    """Requirements by capability and access."""
    found: dict[str, dict[int, list[Mapping[str, Any]]]] = {}
    for one in document["requirements"]:
        row = found.setdefault(one["capability"], {int(access): [] for access in Access})
        row[one["access"]].append(one)
    return found


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.PackageLoader("compute_conformance.renderings")
    return jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )


def _text(name: str) -> str:
    source, _, _ = _environment().loader.get_source(_environment(), name)  # type: ignore[union-attr]
    return source


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
