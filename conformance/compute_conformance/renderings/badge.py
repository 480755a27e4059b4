"""A badge: does it conform, and at how many requirements was that seen."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

LABEL: Final = "compute API"
COLOURS: Final = {0: "#2e7d32", 1: "#c62828", 2: "#757575"}
WIDTH: Final = 6.6  #: of a letter, on the average
TEMPLATE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{title}">
<title>{title}</title>
<rect width="{width}" height="20" rx="3" fill="#444"/>
<path d="M{left} 0h{right}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{right}z" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14">{label}</text><text x="{at}" y="14">{message}</text>
</g>
</svg>
"""


def badge(document: Mapping[str, Any]) -> str:
    """An SVG that stands alone."""
    message = said(document)
    left, right = (round(len(text) * WIDTH) + 12 for text in (LABEL, message))
    return TEMPLATE.format(
        width=left + right,
        left=left,
        right=right - 3,
        at=left + 6,
        colour=COLOURS[document["exit"]],
        label=LABEL,
        message=escape(message),
        title=escape(f"{LABEL}: {message}"),
    )


def said(document: Mapping[str, Any]) -> str:
    """The verdict in a few words."""
    if document["exit"] == 2:
        return "not judged"
    failed = sum(level.get("fail", 0) for level in document["counts"].values())
    passed = sum(level.get("pass", 0) for level in document["counts"].values())
    return f"{failed} of {failed + passed} failed" if failed else f"conforms ({passed})"
