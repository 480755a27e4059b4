"""What a start names: published assets, or code of the caller's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Asset:
    """One service of a published asset; `order` is the transaction that pays for it ("": none)."""

    did: str
    service: str
    order: str = ""

    def named(self) -> dict[str, Any]:
        """As a request names it."""
        found = {"documentId": self.did, "serviceId": self.service}
        return found | ({"transferTxId": self.order} if self.order else {})

    def ordered(self, order: str) -> Asset:
        """The same with an order, where it has none."""
        return self if self.order else replace(self, order=order)


@dataclass(frozen=True, slots=True)
class RawCode:
    """Code of the caller's own; `checksum` is the image's digest, ``sha256:…``."""

    code: str
    entrypoint: str = "python3 $ALGO"
    image: str = ""
    tag: str = ""
    checksum: str = ""

    def named(self) -> Mapping[str, Any]:
        """As a request names it."""
        container = {
            "entrypoint": self.entrypoint,
            "image": self.image,
            "tag": self.tag,
            "checksum": self.checksum,
        }
        return {"meta": {"rawcode": self.code, "container": container}}

    def ordered(self, order: str) -> RawCode:
        """Itself: code of one's own costs no order."""
        return self
