"""Who a request says it is from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import falcon

from compute_ref.identity.callers import Credentials


def sender(req: falcon.Request, parameters: Mapping[str, Any]) -> Credentials:
    """Address, signature, nonce and AuthToken, each exactly as sent."""
    return Credentials(
        consumer_address=parameters.get("consumerAddress") or parameters.get("address") or "",
        signature=parameters.get("signature") or "",
        nonce=parameters.get("nonce") or "",
        token=(req.get_header("AuthToken") or "").strip(),
    )
