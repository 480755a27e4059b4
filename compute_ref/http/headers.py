"""What every answer carries, and what is believed of a request's headers."""

from __future__ import annotations

import re
from typing import Any, Final

import falcon

from compute_ref.refusals import Refused
from compute_ref.settings import Server

HOST: Final = re.compile(r"([A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
METHODS: Final = "GET, HEAD, POST, PUT, DELETE, OPTIONS"
ACCEPTED: Final = "Content-Type, AuthToken, Range"
EXPOSED: Final = "Content-Disposition, Content-Range, ETag, Content-Length"


class Headers:
    """Falcon middleware: Host is checked, CORS is answered, sniffing and storing are forbidden."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Check Host; answer a CORS preflight."""
        host = req.env.get("HTTP_HOST", "")
        if host and not HOST.fullmatch(host):
            raise Refused("The Host header cannot be read.")
        if req.method == "OPTIONS" and req.get_header("Access-Control-Request-Method"):
            resp.status = falcon.HTTP_204
            resp.set_header("Access-Control-Allow-Methods", METHODS)
            resp.set_header("Access-Control-Allow-Headers", ACCEPTED)
            resp.set_header("Access-Control-Max-Age", "600")
            resp.complete = True

    def process_response(
        self, req: falcon.Request, resp: falcon.Response, resource: Any, succeeded: bool
    ) -> None:
        """Set the headers that every answer has."""
        resp.set_header("X-Content-Type-Options", "nosniff")
        if "signature" in req.params or req.get_header("AuthToken") or req.method not in _READS:
            resp.set_header("Cache-Control", "no-store")
        self._allow_origin(req, resp)

    def _allow_origin(self, req: falcon.Request, resp: falcon.Response) -> None:
        origin, allowed = req.get_header("Origin"), self._server.cors_origins
        if "*" not in allowed:
            resp.append_header("Vary", "Origin")
        if not origin or not ("*" in allowed or origin in allowed):
            return
        resp.set_header("Access-Control-Allow-Origin", "*" if "*" in allowed else origin)
        resp.set_header("Access-Control-Expose-Headers", EXPOSED)


_READS: Final = ("GET", "HEAD", "OPTIONS")


def base_url(req: falcon.Request, server: Server) -> str:
    """How this server is reached, without a slash at the end."""
    if server.public_url:
        return server.public_url.rstrip("/")
    scheme, host = req.scheme, req.netloc
    if req.env.get("REMOTE_ADDR") in server.trusted_proxies:
        forwarded = req.get_header("X-Forwarded-Host", default="")
        scheme = "https" if req.get_header("X-Forwarded-Proto") == "https" else scheme
        host = forwarded if HOST.fullmatch(forwarded) else host
    return f"{scheme}://{host}"
