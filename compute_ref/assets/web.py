"""Fetching over the network without being led astray (reading R17).

A name is resolved once; every address it has must be globally routable; the connection goes to
that address. Each redirect starts again from there. Proxy variables are ignored.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3

from compute_ref.plugins import FileObject, FileUnavailable, OpenFile, WebClient, hookimpl

Resolver = Callable[[str, int], Sequence[str]]
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS: Final = 5
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
PORTS: Final = {"http": 80, "https": 443}
STALL: Final = 30.0  # seconds without a byte


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of `host`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def globally_routable(text: str) -> bool:
    """Whether an address, and the IPv4 address inside it if there is one, is a public one."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address.teredo:
            inner = address.teredo[1]
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return globally_routable(str(inner))
    return address.is_global and not address.is_multicast


class GuardedClient:
    """The HTTP client of the server and its plug-ins; `timeout` seconds are for one fetch."""

    def __init__(
        self, timeout: float, *, allow_private: bool = False, resolver: Resolver = resolve
    ) -> None:
        self._timeout = timeout
        self._allow_private = allow_private
        self._resolver = resolver

    def open(
        self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> OpenFile:
        """Open `url`; FileUnavailable with a text that names neither host nor path."""
        until = time.monotonic() + self._timeout
        origin, target = _origin(_split(url)), url
        for _ in range(MOST_REDIRECTS + 1):
            parts = _split(target)
            own = headers if headers and _origin(parts) == origin else {}
            answer = self._request(parts, method, own, until)
            if answer.status not in REDIRECTS:
                return _opened(answer, until)
            location = answer.headers.get("Location", "")
            answer.release_conn()
            target = urljoin(target, location)
        raise FileUnavailable("The server of the data redirects too often.")

    def _request(
        self, parts: SplitResult, method: str, headers: Mapping[str, str], until: float
    ) -> urllib3.BaseHTTPResponse:
        host, port = cast(str, parts.hostname), parts.port or PORTS[parts.scheme]
        pool = _pool(parts.scheme, host, self._address(host, port), port)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {**headers, "Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity"}
        left = max(0.1, min(STALL, until - time.monotonic()))
        try:
            return pool.urlopen(
                method,
                path,
                headers=sent,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=left, read=left),
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as failed:
            raise FileUnavailable("The server of the data cannot be reached.") from failed

    def _address(self, host: str, port: int) -> str:
        try:
            addresses = self._resolver(host, port)
        except (OSError, UnicodeError) as failed:
            raise FileUnavailable("The server of the data is not known.") from failed
        if not addresses:
            raise FileUnavailable("The server of the data is not known.")
        if not self._allow_private and not all(globally_routable(one) for one in addresses):
            raise FileUnavailable("The data lies at a private address, which is not fetched.")
        return addresses[0]


class WebFiles:
    """The built-in plug-in for files at a URL."""

    @hookimpl
    def open_file(self, file: FileObject, web: WebClient, userdata: Any) -> OpenFile | None:
        """``{"type": "url", "url": …, "method": "GET", "headers": {…}}``."""
        if file.get("type") != "url":
            return None
        url, method = file.get("url"), str(file.get("method") or "GET").upper()
        headers = file.get("headers") or {}
        if not isinstance(url, str) or method not in ("GET", "POST") or not _are_headers(headers):
            raise FileUnavailable("The asset names no usable URL. Its publisher must mend its DDO.")
        return web.open(url, method, headers)


class TimedBody(io.RawIOBase):
    """An answer's bytes, up to a moment of the monotonic clock."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, until: float) -> None:
        self._answer = answer
        self._until = until

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what one receive gives; FileUnavailable when time is up."""
        if time.monotonic() > self._until:
            raise FileUnavailable("Fetching the data took longer than this server allows.")
        try:
            data = self._answer.read1(len(buffer))
        except (urllib3.exceptions.HTTPError, OSError) as failed:
            raise FileUnavailable("The data broke off while it was fetched.") from failed
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """End the connection."""
        self._answer.close()
        super().close()


def _opened(answer: urllib3.BaseHTTPResponse, until: float) -> OpenFile:
    if answer.status != 200:
        answer.close()
        raise FileUnavailable(f"The server of the data answered {answer.status}.")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        answer.close()
        raise FileUnavailable("The server of the data sent it compressed, which is not accepted.")
    length = answer.headers.get("Content-Length", "")
    return OpenFile(
        io.BufferedReader(TimedBody(answer, until), 2**18),
        int(length) if length.isascii() and length.isdigit() else None,
        answer.headers.get("Content-Type"),
    )


def _pool(scheme: str, host: str, address: str, port: int) -> urllib3.HTTPConnectionPool:
    if scheme == "http":
        return urllib3.HTTPConnectionPool(address, port, maxsize=1)
    return urllib3.HTTPSConnectionPool(
        address, port, maxsize=1, server_hostname=host, assert_hostname=host
    )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in PORTS and parts.hostname and (parts.port or 1) > 0:
            return parts
    except ValueError as broken:
        raise FileUnavailable("The asset's URL cannot be read.") from broken
    raise FileUnavailable("Only http and https URLs are fetched.")


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme]


def _are_headers(headers: Any) -> bool:
    return isinstance(headers, dict) and all(
        isinstance(name, str) and isinstance(value, str) for name, value in headers.items()
    )
