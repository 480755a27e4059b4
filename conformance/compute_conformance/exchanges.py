"""A request, the answer to it, and the record of both."""

from __future__ import annotations

import json as jsons
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from compute_conformance.verdicts import Failed, Inconclusive, Unsupported, expect, shown

SAYS = frozenset({"error", "errors"})  # where a refusal says why
MISSING = frozenset({404, 405, 501})  # what a server says of a call that it does not have


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `json` is a body to be written as JSON; `body` is sent as it is."""

    method: str
    path: str
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """Path and query string."""
        query = urlencode({key: value for key, value in self.query.items() if value is not None})
        return f"{self.path}?{query}" if query else self.path

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if self.body is not None:
            return self.body
        return b"" if self.json is None else jsons.dumps(self.json).encode()

    def but(self, **fields: Any) -> Request:
        """The same with other parameters: those of the body where there is one; None: without."""
        name = "query" if self.json is None else "json"
        changed = {**getattr(self, name), **fields}
        kept = {key: value for key, value in changed.items() if value is not None}
        return replace(self, json=kept) if name == "json" else replace(self, query=kept)

    def with_headers(self, **headers: str) -> Request:
        """The same with further headers; ``_`` in a name stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. The methods that expect something raise Failed."""

    request: Request
    status: int
    headers: Mapping[str, str]  #: by lower-case name
    body: bytes

    def __str__(self) -> str:
        return f"{self.status} {shown(self.body.decode('utf-8', 'replace'), 300)}"

    @property
    def json(self) -> Any:
        """The body as JSON."""
        try:
            return jsons.loads(self.body)
        except (ValueError, RecursionError):
            raise Failed("a body of JSON", self) from None

    def offered(self) -> Answer:
        """This answer to an optional call; Unsupported where the target does not have the call."""
        if self.status in MISSING:
            raise Unsupported(f"{self.request.method} {self.request.path}", self)
        return self

    def accepted(self, *codes: int) -> Any:
        """The JSON of an answer that says yes."""
        wanted = codes or (200, 201)
        expect(self.status in wanted, f"the status {one_of(wanted)}", self)
        return self.json

    def refused(self, *codes: int) -> dict[str, Any]:
        """The JSON object of an answer that says no."""
        wanted = codes or (400, 401, 403)
        expect(self.status in wanted, f"a refusal with status {one_of(wanted)}", self)
        expect(isinstance(self.json, dict), "a JSON object that says why", self)
        found: dict[str, Any] = self.json
        return found

    def jobs(self) -> list[dict[str, Any]]:
        """The status objects of an answer that says yes."""
        found = self.accepted()
        expect(isinstance(found, list), "an array of status objects", self)
        expect(all(isinstance(one, dict) for one in found), "an array of objects", self)
        jobs: list[dict[str, Any]] = found
        return jobs

    def job(self) -> dict[str, Any]:
        """The one status object of an answer that says yes."""
        found = self.jobs()
        expect(len(found) == 1, "exactly one status object", self)
        return found[0]


def environments_of(answer: Answer, chain: int) -> list[Any]:
    """What an answer of computeEnvironments tells of a chain, as a list or by chain."""
    found = answer.accepted(200)
    if isinstance(found, dict):
        found = found.get(str(chain))
    if not isinstance(found, list):
        raise Failed("a list of environments, or an object of such lists by chain", answer)
    return found


def reasons(refusal: Mapping[str, Any]) -> dict[str, Any]:
    """What a refusal says of each field or asset, by its dotted name; {} where it is a sentence.

    Inconclusive where it is neither: another requirement asks for the form.
    """
    if not SAYS & refusal.keys():
        raise Inconclusive("error or errors", refusal)
    for told in (refusal.get("errors"), refusal.get("error")):
        if isinstance(told, dict):
            return told
        if not isinstance(told, str | None):
            raise Inconclusive("errors as a text, or an object of texts", told)
    return {}


def one_of(values: Collection[object]) -> str:
    """``400, 401 or 403``."""
    texts = [str(value) for value in values]
    return " or ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))
