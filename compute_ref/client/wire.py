"""Finding a server's calls at ``GET /`` and sending them, with errors that name what went wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError, LocationParseError

from compute_ref.client.errors import AnswerUnusable, CallRefused, ServerUnreachable

TIMEOUT: Final = urllib3.Timeout(connect=10, read=60)  # a stop may take half a minute


class Wire:
    """The calls of one server by the names that its root document gives them."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)
        self._calls: Mapping[str, Any] | None = None

    def close(self) -> None:
        """Let go of open connections."""
        self._pool.clear()

    def root(self) -> dict[str, Any]:
        """The root document; AnswerUnusable where it is none."""
        document = self._json(self._send("GET", f"{self.url}/"))
        if not isinstance(document, dict) or "serviceEndpoints" not in document:
            raise AnswerUnusable(f"{self.url} is no server of this API; check the URL")
        return document

    def call(self, name: str, query: Mapping[str, Any] | None = None, body: object = None) -> Any:
        """The decoded answer of a call; CallRefused for any but 200 and 201."""
        return self._json(self.send(name, query, body))

    def send(
        self,
        name: str,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        *,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        """The answer of a call, unread if `stream`; CallRefused for any but 200 and 201."""
        method, path = self._endpoint(name)
        url = path if "://" in path else self.url + path
        given = {key: value for key, value in (query or {}).items() if value not in ("", None)}
        if given:
            url = f"{url}?{urlencode(given)}"
        sent = {} if body is None else {"json": body}
        return self._send(method, url, stream=stream, **sent)

    def _endpoint(self, name: str) -> tuple[str, str]:
        if self._calls is None:
            self._calls = self.root()["serviceEndpoints"]
        try:
            method, path = self._calls[name]
        except (KeyError, TypeError, ValueError) as missing:
            raise AnswerUnusable(f"{self.url} offers no {name}") from missing
        return method.upper(), path

    def _send(
        self, method: str, url: str, *, stream: bool = False, **sent: Any
    ) -> urllib3.BaseHTTPResponse:
        try:
            answer = self._pool.request(method, url, preload_content=not stream, **sent)
            if answer.status not in (200, 201):
                raise CallRefused(answer.status, _decoded(answer.data))
        except LocationParseError as wrong:
            raise ServerUnreachable(f"{self.url} is no URL of a server") from wrong
        except HTTPError as failed:
            reason = str(failed).rpartition(": ")[2] or type(failed).__name__
            raise ServerUnreachable(
                f"{self.url} does not answer ({reason}). Check the URL and that the server runs."
            ) from failed
        return answer

    def _json(self, answer: urllib3.BaseHTTPResponse) -> Any:
        try:
            return json.loads(answer.data)
        except ValueError as broken:
            raise AnswerUnusable(f"{self.url} answered something that is not JSON") from broken


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
