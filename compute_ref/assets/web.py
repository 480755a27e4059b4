"""Fetching over the network without being led astray (reading R17).

A name is resolved once; every address it has must be globally routable; the connection goes to
one of those. Each redirect starts again from there. Proxy variables are ignored. No text names
a URL, a host, a header or a path: it may come to be read by a stranger.
"""

from __future__ import annotations

import copy
import io
import ssl
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPResponse
from typing import Any, Final

from compute_ref.assets.addresses import Resolver, globally_routable, resolve
from compute_ref.assets.cancellation import Cancellation
from compute_ref.assets.exchanges import SLOW, STALL, Body, Exchange, Terms, Unreachable
from compute_ref.assets.targets import Target, read_target
from compute_ref.plugins import FileObject, FileUnavailable, OpenFile, WebClient, hookimpl

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS: Final = 5
METHODS: Final = ("GET", "POST")
OURS: Final = frozenset(
    {"host", "accept-encoding", "connection", "content-length", "transfer-encoding", "te"}
)


class GuardedClient:
    """The HTTP client of the server and its plug-ins; `timeout` seconds are for one fetch.

    In the first thirty of them the answer must begin, over all addresses and redirects.
    `allow_private` lifts the rule on addresses; `resolver` and `tls` are the system's unless
    given.
    """

    def __init__(
        self,
        timeout: float,
        *,
        allow_private: bool = False,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeout = timeout
        self._allow_private = allow_private
        self._resolver = resolver
        self._tls = tls or ssl.create_default_context()
        self._cancel: Cancellation | None = None

    def open(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> OpenFile:
        """Open `url`, following at most five redirects; raises FileUnavailable.

        `headers` are for the origin of `url` and are dropped for good on any other one.
        """
        now, cancel = time.monotonic(), self._cancel or Cancellation()
        terms = Terms(now + min(STALL, self._timeout), now + self._timeout, cancel)
        target, sent = read_target(url), _headers(headers or {})
        for _ in range(MOST_REDIRECTS + 1):
            exchange, answer = self._ask(target, method, sent, terms)
            if answer.status not in REDIRECTS:
                return _opened(exchange, answer)
            exchange.close()
            further = read_target(answer.headers["Location"] or "", target.url)
            sent = sent if further.origin == target.origin else _headers({})
            method = "GET" if answer.status == 303 else method
            target = further
        raise FileUnavailable("The server of the data redirects too often.")

    def cancelled_by(self, cancel: Cancellation) -> GuardedClient:
        """This client, but what it has open or is opening when `cancel` is set is cut off."""
        bound = copy.copy(self)
        bound._cancel = cancel
        return bound

    def _ask(
        self, target: Target, method: str, headers: Mapping[str, str], terms: Terms
    ) -> tuple[Exchange, HTTPResponse]:
        """Of the first address that can be reached; all share the time there is for the answer."""
        own = {"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close"}
        failed = FileUnavailable("The server of the data is not known.")
        addresses = self._addresses(target)
        for place, address in enumerate(addresses):
            connecting = (terms.begun - time.monotonic()) / (len(addresses) - place)
            if connecting <= 0 or terms.cancel.is_set():
                raise FileUnavailable(SLOW)
            exchange = Exchange(target, address, terms, self._tls)
            try:
                return exchange, exchange.ask(method, {**headers, **own}, connecting)
            except Unreachable as unreachable:
                failed = unreachable
        raise failed

    def _addresses(self, target: Target) -> Sequence[str]:
        try:
            addresses = self._resolver(target.host, target.port)
        except (OSError, UnicodeError):
            raise FileUnavailable("The server of the data is not known.") from None
        if not self._allow_private and not all(globally_routable(one) for one in addresses):
            raise FileUnavailable("The data lies at a private address, which is not fetched.")
        return addresses


class WebFiles:
    """The built-in plug-in for files at a URL."""

    @hookimpl
    def open_file(self, file: FileObject, web: WebClient, userdata: Any) -> OpenFile | None:
        """``{"type": "url", "url": …, "method": "GET", "headers": {…}}``."""
        if file.get("type") != "url":
            return None
        url, method = file.get("url"), str(file.get("method") or "GET").upper()
        headers = file.get("headers") or {}
        if not isinstance(url, str) or method not in METHODS or not _are_headers(headers):
            raise FileUnavailable("The asset names no usable URL. Its publisher must mend its DDO.")
        return web.open(url, method, headers)


def _opened(exchange: Exchange, answer: HTTPResponse) -> OpenFile:
    coding = (answer.headers.get("Content-Encoding") or "identity").strip().lower()
    if answer.status != 200 or coding != "identity":
        exchange.close()
        if answer.status != 200:
            raise FileUnavailable(f"The server of the data answered {answer.status}.")
        raise FileUnavailable("The server of the data sent it compressed, which is not accepted.")
    return OpenFile(
        io.BufferedReader(Body(exchange), 2**18), answer.length, answer.headers.get("Content-Type")
    )


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        "User-Agent": "compute-ref",
        **{name: text for name, text in headers.items() if name.strip().lower() not in OURS},
    }


def _are_headers(headers: Any) -> bool:
    return isinstance(headers, dict) and all(
        isinstance(name, str) and isinstance(value, str) for name, value in headers.items()
    )
