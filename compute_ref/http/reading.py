"""Calls that only read: HEAD follows GET."""

from __future__ import annotations

from typing import Any, Protocol

import falcon


class Readable(Protocol):
    """A resource that answers GET."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a GET."""


class Reading:
    """Adds HEAD to a resource whose GET changes nothing; the body is left out on the way."""

    def on_head(self: Readable, req: falcon.Request, resp: falcon.Response, **path: Any) -> None:
        """Answer as GET does."""
        self.on_get(req, resp, **path)
