"""A first profile of a target, from what it tells; its owner fills in what only they know."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from compute_conformance.consumers import ENVIRONMENTS
from compute_conformance.exchanges import Request
from compute_conformance.profile import Profile
from compute_conformance.smoke import Miswired
from compute_conformance.targets import Target, Unreachable

UNSAFE: Final = re.compile("[^ -~\u00a0-\ud7ff\ue000-\U0010ffff]")  # TOML has no place for these
MOST: Final = 20  #: environments that are listed


def draft(target: Target, url: str) -> str:
    """The commented profile, or Miswired where the target tells nothing."""
    root, told = _told(target, "/"), _told(target, ENVIRONMENTS)
    if not isinstance(told, (dict, list)):
        raise Miswired(f"{url}{ENVIRONMENTS} tells no environments. Check the URL.")
    chains = _chains(root, told)
    found = _environments(told, chains[0])
    names = [str(one.get("id")) for one in found if isinstance(one, Mapping)]
    template = files(__package__).joinpath("profile.toml.txt").read_text(encoding="utf-8")
    return template.format(
        url=_text(url),
        chain=chains[0],
        chains=", ".join(map(str, chains[:MOST])),
        environment=_text(next(iter(names), "")),
        environments=", ".join(map(_text, names[:MOST])) or "none",
    )


def _told(target: Target, path: str) -> Any:
    """The JSON at a path; None where there is none."""
    try:
        answer = target.send(Request("GET", path))
    except Unreachable as error:
        raise Miswired(f"There was no answer ({error}).") from error
    try:
        return json.loads(answer.body) if answer.status == 200 else None
    except (ValueError, RecursionError):
        return None


def _chains(root: Any, told: Any) -> list[int]:
    named = root.get("chainIds") if isinstance(root, dict) else None
    listed = [
        *(named if isinstance(named, list) else ()),
        *(told if isinstance(told, dict) else ()),
    ]
    found = [int(one) for one in listed if re.fullmatch("[0-9]{1,15}", str(one))]
    return list(dict.fromkeys(found)) or [Profile().chain]


def _environments(told: Any, chain: int) -> list[Any]:
    found = told.get(str(chain)) if isinstance(told, dict) else told
    return found if isinstance(found, list) else []


def _text(value: str) -> str:
    """A text as TOML writes it, on one line."""
    return json.dumps(UNSAFE.sub("?", value), ensure_ascii=False)
