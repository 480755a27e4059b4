"""What the document of a run is made into; each of them is a function of the document alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from compute_conformance.renderings.badge import badge
from compute_conformance.renderings.har import har
from compute_conformance.renderings.junit import junit
from compute_conformance.renderings.markdown import markdown
from compute_conformance.renderings.page import html

#: by the ending of a file's name
RENDERINGS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    ".har": har,
    ".html": html,
    ".md": markdown,
    ".svg": badge,
    ".xml": junit,
}
