"""Who a request says it is from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import falcon

from compute_ref.identity.callers import Credentials


def token(req: falcon.Request) -> str:
    """The AuthToken header, "" where there is none."""
    return (req.get_header("AuthToken") or "").strip()


def unless_token(req: falcon.Request, *names: str) -> tuple[str, ...]:
    """Names of the fields that a request must have where it comes without an AuthToken."""
    return () if token(req) else names


def sender(req: falcon.Request, parameters: Mapping[str, Any]) -> Credentials:
    """Address, signature, nonce and AuthToken, each exactly as sent."""
    return Credentials(
        consumer_address=parameters.get("consumerAddress") or parameters.get("address") or "",
        signature=parameters.get("signature") or "",
        nonce=parameters.get("nonce") or "",
        token=token(req),
    )
