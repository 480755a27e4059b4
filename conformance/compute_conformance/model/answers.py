"""How answers say yes and no, with what deployed servers are allowed."""

from __future__ import annotations

from typing import Any, Final

from compute_conformance.exchanges import Answer

YES: Final = frozenset({200, 201})
NO: Final = frozenset({400, 401, 403, 404})  #: how others are refused
USED: Final = NO | {409, 503}  #: how a used nonce is


def ids(answer: Answer) -> list[Any]:
    """The jobIds that an answer shows; a refusal and an empty text show none."""
    found = answer.json if answer.status in YES and answer.body else []
    return [one.get("jobId") for one in found if isinstance(one, dict)]
