"""URLs of data, read by one parser, so that what was checked is what is connected to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from compute_ref.plugins import FileUnavailable

PORTS: Final = {"http": 80, "https": 443}
AS_IT_IS: Final = "/%:=&?~+!$,;'@()*[]-._|"


@dataclass(frozen=True, slots=True)
class Target:
    """One URL taken apart; `host` is ASCII and without brackets, `path` includes the query."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Whom headers that were meant for this target may be shown to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The Host header of a request for it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def read_target(url: str, base: str = "") -> Target:
    """`url`, relative to `base`; FileUnavailable where it is no http or https URL."""
    try:
        whole = urljoin(base, url)
        parts = urlsplit(whole)
        host = _ascii(parts.hostname or "")
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise FileUnavailable("The asset's URL cannot be read.") from None
    if parts.scheme not in PORTS or not host:
        raise FileUnavailable("Only http and https URLs are fetched.")
    query = f"?{parts.query}" if parts.query else ""
    return Target(whole, parts.scheme, host, port, quote((parts.path or "/") + query, AS_IT_IS))


def _ascii(host: str) -> str:
    return host.lower() if host.isascii() else host.encode("idna").decode("ascii")
